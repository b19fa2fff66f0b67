//go:build !linux && !darwin

package steps

// MayWrite knows no way to ask without writing.
func MayWrite(string) error { return nil }
