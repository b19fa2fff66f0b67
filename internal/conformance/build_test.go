package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built is the folder that holds the command rekey, once it is needed.
var built string

// TestMain takes away what was built.
func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// command is the command rekey, built with the dependencies of the product.
var command = sync.OnceValues(func() (program string, err error) {
	if built, err = os.MkdirTemp("", "conformance"); err != nil {
		return "", err
	}
	program = filepath.Join(built, "rekey")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./cmd/rekey")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building rekey: %w\n%s", err, out)
	}
	return program, nil
})
