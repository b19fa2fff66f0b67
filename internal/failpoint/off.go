//go:build !failpoints

package failpoint

// Enabled tells whether this program was built with the tag failpoints.
const Enabled = false

// Hit says that the program has come to the site of that name: lower-case words joined by dots, of which the last is
// before or after.
func Hit(string) {}
