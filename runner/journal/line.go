package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// MaxLine is the greatest length of a line in bytes, its newline counted.
const MaxLine = 16 << 20

// The fixed text of a line: {"seq":N,"time":"T","event":E,"hash":"H"}.
const (
	seqKey   = `{"seq":`
	timeKey  = `,"time":"`
	eventKey = `,"event":`
	hashKey  = `,"hash":"`
	lineEnd  = `"}`
	hashLen  = 2 * sha256.Size
)

// Record is one line of a journal.
type Record struct {
	Seq   int             `json:"seq"`   // from 1; also the number of the line
	Time  time.Time       `json:"time"`  // when the event was recorded, UTC
	Event json.RawMessage `json:"event"` // the event as the caller gave it, compact JSON
	Hash  string          `json:"hash"`  // of the line and, through the chain, of all lines before it; hex
}

// appendLine renders a line, its newline included, to follow one whose hash is prev.
func appendLine(dst []byte, seq int, at time.Time, event []byte, prev string) []byte {
	start := len(dst)
	dst = append(dst, seqKey...)
	dst = strconv.AppendInt(dst, int64(seq), 10)
	dst = append(dst, timeKey...)
	dst = at.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, '"')
	dst = append(dst, eventKey...)
	dst = append(dst, event...)
	sum := chain(prev, dst[start:])
	dst = append(dst, hashKey...)
	dst = append(dst, sum...)
	return append(dst, lineEnd+"\n"...)
}

// chain is the hash of a line whose bytes before the hash are given.
func chain(prev string, body []byte) string {
	h := sha256.New()
	io.WriteString(h, prev)
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// parseLine reads back what appendLine wrote, without the newline. It accepts nothing else: a line that is not, byte for
// byte, as appendLine would write it yields the reason why. The record's event shares the line's memory.
func parseLine(line []byte, seq int, prev string) (rec Record, reason string) {
	cut := len(line) - len(hashKey) - hashLen - len(lineEnd)
	if cut < 0 || !bytes.HasPrefix(line[cut:], []byte(hashKey)) || !bytes.HasSuffix(line, []byte(lineEnd)) {
		return Record{}, foreign(line)
	}
	body, sum := line[:cut], string(line[cut+len(hashKey):len(line)-len(lineEnd)])
	rest, ok := bytes.CutPrefix(body, []byte(seqKey))
	if !ok {
		return Record{}, foreign(line)
	}
	number, rest, ok := bytes.Cut(rest, []byte(timeKey))
	if !ok {
		return Record{}, foreign(line)
	}
	if want := strconv.Itoa(seq); string(number) != want {
		return Record{}, fmt.Sprintf("has the sequence number %.20q where %s belongs: lines are missing, moved or changed", number, want)
	}
	if sum != chain(prev, body) {
		return Record{}, "and its hash do not fit: it, or the end of the line before, was changed"
	}
	// From here on the line is as it was written: what is wrong was written so, by something else than this version.
	stamp, rest, _ := bytes.Cut(rest, []byte{'"'})
	event, ok := bytes.CutPrefix(rest, []byte(eventKey))
	if !ok || !json.Valid(event) || bytes.IndexByte(event, '\n') >= 0 {
		return Record{}, foreign(line)
	}
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil || at.UTC().Format(time.RFC3339Nano) != string(stamp) {
		return Record{}, fmt.Sprintf("has the time %.40q, which is no RFC 3339 time in UTC", stamp)
	}
	return Record{Seq: seq, Time: at.UTC(), Event: event, Hash: sum}, ""
}

// foreign says why a line that has not our form is refused.
func foreign(line []byte) string {
	switch {
	case len(line) == 0:
		return "is empty"
	case !json.Valid(line):
		return "is not JSON"
	}
	return "has not the form {seq, time, event, hash} of this version: it was changed, or another version wrote it"
}

// scanned is what a journal's bytes amount to.
type scanned struct {
	records []Record
	head    string // hash of the last record
	end     int64  // bytes of all whole lines
	last    []byte // the last whole line with its newline
	tail    []byte // what follows the last whole line
}

// scan verifies every line of r. A *DamageError comes with the records before the damage.
func scan(path string, r io.Reader) (scanned, error) {
	var s scanned
	buffered := bufio.NewReaderSize(r, 16<<10)
	for {
		seq := len(s.records) + 1
		line, err := readLine(buffered)
		switch {
		case errors.Is(err, bufio.ErrTooLong):
			return s, &DamageError{path, seq, fmt.Sprintf("is longer than %d MiB", MaxLine>>20)}
		case err == io.EOF:
			if wholeWithin(line, s.head) {
				return s, &DamageError{path, seq, "is whole, but what follows it is no newline"}
			}
			s.tail = line
			return s, nil
		case err != nil:
			return s, fmt.Errorf("read journal %s: %w; check the disk, and that you may read the file", path, err)
		}
		rec, reason := parseLine(line[:len(line)-1], seq, s.head)
		if reason != "" {
			return s, &DamageError{path, seq, reason}
		}
		s.records = append(s.records, rec)
		s.head, s.last, s.end = rec.Hash, line, s.end+int64(len(line))
	}
}

// readLine reads up to and with the next newline into memory of its own: io.EOF comes with what stood after the last
// newline, bufio.ErrTooLong as soon as MaxLine is passed.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		if len(line)+len(piece) > MaxLine {
			return nil, bufio.ErrTooLong
		}
		line = append(line, piece...)
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// wholeWithin tells whether a tail begins with a record that verifies and goes on after it. A write cut short leaves less
// than a line; so the newline after an acknowledged record was damaged, and to cut it would lose an event.
func wholeWithin(tail []byte, prev string) bool {
	h := sha256.New()
	io.WriteString(h, prev)
	for {
		at := bytes.Index(tail, []byte(hashKey))
		if at < 0 {
			return false
		}
		h.Write(tail[:at]) // the key occurs in events too, so each place is tried: in one pass, Sum leaves h as it is
		rest := tail[at+len(hashKey):]
		if len(rest) <= hashLen+len(lineEnd) {
			return false
		}
		if string(rest[:hashLen]) == hex.EncodeToString(h.Sum(nil)) && string(rest[hashLen:hashLen+len(lineEnd)]) == lineEnd {
			return true
		}
		io.WriteString(h, hashKey)
		tail = rest
	}
}
