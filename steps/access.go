package steps

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Creatable reports why a file could not be made at a path, with the folders
// above it that are missing: the nearest one that exists must be a folder, and
// one that takes new files from this process. Nothing is written to find out,
// so a nil error is no promise.
func Creatable(path string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s is no folder", dir)
		case err == nil:
			if err := MayWrite(dir); err != nil {
				return fmt.Errorf("nothing can be made in the folder %s: %w", dir, err)
			}
			return nil
		case !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir):
			return err
		}
	}
}
