package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// WriteFile makes data the content of path, all of it or, whatever happens, none: it writes a temporary file in the same
// folder, syncs it, renames it over path and syncs the folder. Readers see the old content or the new. The file gets
// exactly the mode perm, whatever the umask, and never a wider one on the way. A symbolic link at path is replaced, not
// followed. The folder must exist. After an error path is as it was, unless only the last sync, that of the folder,
// failed: then the new content stands, but may not outlive a power cut.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, ".rekey-*.tmp") // with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w; choose a folder that exists and that you may write to", path, err)
	}
	temp := f.Name()
	err = f.Chmod(perm)
	if err == nil {
		err = finish(f, data)
	} else {
		f.Close()
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return fmt.Errorf("write %s: %w; check the disk's space and that you may replace the file", path, err)
	}
	if err := syncFolder(folder); err != nil {
		return fmt.Errorf("write %s: %w; check the disk", path, err)
	}
	return nil
}

// finish writes a new file's content, syncs and closes it.
func finish(f *os.File, data []byte) error {
	err := writeAll(f, data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func writeAll(w io.Writer, data []byte) error {
	n, err := w.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	return err
}

// makeFolders is os.MkdirAll with mode 0700 that also syncs each folder in which it made one: without that a power cut
// could take the journal away with its folder.
func makeFolders(folder string) error {
	info, err := os.Stat(folder)
	if err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is no folder", folder)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(folder)
	if parent != folder {
		if err := makeFolders(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}

// syncFolder makes names created, renamed or removed in a folder outlive a power cut. Windows has no such call, and some
// network file systems answer that they have none: those keep names by themselves or not at all.
func syncFolder(folder string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
