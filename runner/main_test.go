package runner

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain has garbage collected as the command has it: less often, for it is
// much and of little memory.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
