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

	"example.com/rekey/internal/failpoint"
)

// WriteFile makes data the content of path, all of it or, whatever happens, none: it writes a temporary file in the same
// folder, syncs it, renames it over path and syncs the folder. Readers see the old content or the new. The file gets
// exactly the mode perm, whatever the umask, and never a wider one on the way. A symbolic link at path is replaced, not
// followed. The folder must exist. After an error path is as it was, unless only the last sync, that of the folder,
// failed: then the new content stands, but may not outlive a power cut.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	folder := filepath.Dir(path)
	failpoint.Hit("file.create.before")
	f, err := os.CreateTemp(folder, ".rekey-*.tmp") // with mode 0600
	failpoint.Hit("file.create.after")
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
		failpoint.Hit("file.rename.before")
		err = os.Rename(temp, path)
		failpoint.Hit("file.rename.after")
	}
	if err != nil {
		os.Remove(temp)
		return fmt.Errorf("write %s: %w; check the disk's space and that you may replace the file", path, err)
	}
	failpoint.Hit("file.folder.before")
	err = syncFolder(folder)
	failpoint.Hit("file.folder.after")
	if err != nil {
		return fmt.Errorf("write %s: %w; check the disk", path, err)
	}
	return nil
}

// ReadFile reads a file that WriteFile wrote. What is no regular file by now is refused before it is opened: a pipe would
// block for ever. A missing file yields an error that is fs.ErrNotExist.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w; restore it from a backup", path, underlying(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: it is %s and no regular file; move it away and restore the file from a backup", path, kindOf(info.Mode()))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w; check the disk, and the file's owner and mode", path, underlying(err))
	}
	return data, nil
}

// underlying is an error without the path that a message names already.
func underlying(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// kindOf says what it is that is no regular file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// finish writes a new file's content, syncs and closes it.
func finish(f *os.File, data []byte) error {
	failpoint.Hit("file.write.before")
	err := writeAll(f, data)
	failpoint.Hit("file.write.after")
	if err == nil {
		failpoint.Hit("file.fsync.before")
		err = f.Sync()
		failpoint.Hit("file.fsync.after")
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

// MakeFolders makes a folder, with mode 0700, and those above it that are missing. When it returns they are on disk.
func MakeFolders(folder string) error {
	if err := makeFolders(folder); err != nil {
		return fmt.Errorf("make the folder %s: %w; choose a folder that you may write to", folder, err)
	}
	return nil
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
	failpoint.Hit("folder.make.before")
	err = os.Mkdir(folder, 0o700)
	failpoint.Hit("folder.make.after")
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	failpoint.Hit("folder.fsync.before")
	err = syncFolder(parent)
	failpoint.Hit("folder.fsync.after")
	return err
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
