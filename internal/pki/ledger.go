package pki

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"example.com/rekey/internal/failpoint"
)

// maxLedgerLine bounds one line in bytes; an entry has about 3 KB.
const maxLedgerLine = 1 << 20

// Ledger is the CA's book: one line of JSON for every certificate issued,
// durable before the certificate is used. After a crash it answers whether a
// step of a run had issued already. It is safe for concurrent use, and several
// processes may share the file: entries are written one after the other, each
// whole, and who reads waits for who writes.
type Ledger struct{ path string }

// Entry is one certificate in the [Ledger].
type Entry struct {
	Run         string    `json:"run"`
	Step        string    `json:"step"`        // with its loop key, such as "fleet[0oa1].cert"
	Serial      string    `json:"serial"`      // as in [Issued]
	SHA256      string    `json:"sha256"`      // [Fingerprint] of the certificate
	Certificate string    `json:"certificate"` // PEM
	Time        time.Time `json:"time"`        // when it was issued; written in UTC
}

// OpenLedger names the ledger at path. Nothing is created before the first
// [Ledger.Append]; a file that exists must be readable.
func OpenLedger(path string) (*Ledger, error) {
	l := &Ledger{path: path}
	file, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err != nil:
		return nil, l.failed("opened", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the CA's ledger %s is no regular file; move it away or use another state folder", path)
	}
	return l, nil
}

// Check reports why a ledger that exists would take no entry. Nothing is
// written.
func (l *Ledger) Check() error {
	file, err := os.OpenFile(l.path, os.O_RDWR, 0)
	if err != nil {
		return l.failed("opened", err)
	}
	return file.Close()
}

func (l *Ledger) failed(what string, err error) error {
	return fmt.Errorf("the CA's ledger cannot be %s; check the folder's permissions and free space: %w", what, err)
}

// Append adds e and returns once it is on disk: the file is synced, and so
// are the folders that had to be made. The entry must describe its
// certificate. A torn last line, left by a crash in the middle of an earlier
// Append, is cut off first: nobody was told that it had been written.
func (l *Ledger) Append(e Entry) error {
	e.Time = e.Time.UTC()
	if err := e.check(); err != nil {
		return fmt.Errorf("the ledger entry is wrong: %w", err)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("the ledger entry cannot be encoded; check its time: %w", err)
	}
	if err := makeFolder(filepath.Dir(l.path)); err != nil {
		return l.failed("created", err)
	}
	failpoint.Hit("ledger.create.before")
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	failpoint.Hit("ledger.create.after")
	if err != nil {
		return l.failed("opened", err)
	}
	defer file.Close() // ends the lock
	if err := lock(file, syscall.LOCK_EX); err != nil {
		return l.failed("locked", err)
	}
	end, err := wholeLines(file)
	if err == nil {
		err = appendLine(file, end, append(line, '\n'))
	}
	if err == nil && end == 0 {
		failpoint.Hit("ledger.folder.before")
		err = syncParents(l.path)
		failpoint.Hit("ledger.folder.after")
	}
	if err != nil {
		return l.failed("written", err)
	}
	return nil
}

// syncParents makes the name of a new file durable, and that of its folder:
// another may just have made that and not be done with it.
func syncParents(path string) error {
	dir := filepath.Dir(path)
	if err := syncFolder(dir); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(dir))
}

// appendable is what appendLine needs of a file; tests watch the order.
type appendable interface {
	Truncate(size int64) error
	WriteAt(data []byte, offset int64) (int, error)
	Sync() error
}

// appendLine cuts the file at end, writes there and syncs it. After a failure
// it cuts again, as well as it can: a half line would be torn and ignored
// anyway.
func appendLine(file appendable, end int64, line []byte) error {
	failpoint.Hit("ledger.cut.before")
	err := file.Truncate(end)
	failpoint.Hit("ledger.cut.after")
	if err != nil {
		return err
	}
	failpoint.Hit("ledger.write.before")
	_, err = file.WriteAt(line, end)
	failpoint.Hit("ledger.write.after")
	if err == nil {
		failpoint.Hit("ledger.fsync.before")
		err = file.Sync()
		failpoint.Hit("ledger.fsync.after")
	}
	if err != nil {
		_ = file.Truncate(end)
	}
	return err
}

// wholeLines is the offset after the last newline.
func wholeLines(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 4096)
	for end := info.Size(); end > 0; {
		n := min(end, int64(len(buf)))
		if _, err := file.ReadAt(buf[:n], end-n); err != nil {
			return 0, err
		}
		if at := bytes.LastIndexByte(buf[:n], '\n'); at >= 0 {
			return end - n + int64(at) + 1, nil
		}
		end -= n
	}
	return 0, nil
}

// Find returns the entry of that run and step, the last one if there are
// several, and whether there is one. It reads the whole file and refuses a
// damaged one with the number of the line.
func (l *Ledger) Find(run, step string) (Entry, bool, error) {
	file, err := os.Open(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Entry{}, false, nil
	case err != nil:
		return Entry{}, false, l.failed("opened", err)
	}
	defer file.Close()
	if err := lock(file, syscall.LOCK_SH); err != nil {
		return Entry{}, false, l.failed("locked", err)
	}
	var found Entry
	ok := false
	err = readLedger(file, func(e Entry) {
		if e.Run == run && e.Step == step {
			found, ok = e, true
		}
	})
	if err != nil {
		return Entry{}, false, fmt.Errorf("the CA's ledger %s: %w", l.path, err)
	}
	return found, ok, nil
}

// readLedger calls visit for every entry. What follows the last newline was
// torn by a crash and is ignored.
func readLedger(r io.Reader, visit func(Entry)) error {
	lines := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			return nil
		}
		var e Entry
		if err == nil {
			e, err = parseEntry(line)
		}
		if err != nil {
			return fmt.Errorf("line %d is damaged (%w); restore the file from a backup, or move it away: rekey then no longer knows which certificates it issued", number, err)
		}
		visit(e)
	}
}

// readLine returns the next line with its newline, or io.EOF when no whole
// line is left.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > maxLedgerLine {
			return nil, fmt.Errorf("it is longer than %d bytes", maxLedgerLine)
		}
	}
}

func parseEntry(line []byte) (Entry, error) {
	var e Entry
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return e, errors.New("it is no JSON object of a certificate")
	}
	if len(bytes.TrimSpace(line[decoder.InputOffset():])) > 0 {
		return e, errors.New("it holds more than one JSON object")
	}
	return e, e.check()
}

// check compares the entry with its certificate, so that a flipped bit on the
// disk is found and not published.
func (e Entry) check() error {
	if e.Run == "" || e.Step == "" || strings.Trim(e.Serial, "0123456789abcdef") != "" || e.Serial == "" {
		return errors.New("it lacks its run, its step or a serial in lower-case hexadecimal")
	}
	der, err := DecodePEM(e.Certificate, certificateBlock)
	if err != nil {
		return fmt.Errorf("its certificate: %w", err)
	}
	if Fingerprint(der) != e.SHA256 {
		return errors.New("its sha256 is not that of its certificate")
	}
	return nil
}

// lock waits for an flock, which ends when the file is closed or its process
// dies.
func lock(file *os.File, how int) error {
	for {
		failpoint.Hit("ledger.flock.before")
		err := syscall.Flock(int(file.Fd()), how)
		failpoint.Hit("ledger.flock.after")
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// makeFolder makes dir and what is missing above it, for the owner alone, and
// syncs the parent of each folder it made.
func makeFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeFolder(parent); err != nil {
		return err
	}
	failpoint.Hit("ledger.mkdir.before")
	err = os.Mkdir(dir, 0o700)
	failpoint.Hit("ledger.mkdir.after")
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	failpoint.Hit("ledger.parent.before")
	err = syncFolder(parent)
	failpoint.Hit("ledger.parent.after")
	return err
}

func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
