package journal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// many writes a journal of n events that no other journal of another name has, and returns its lines.
func many(t testing.TB, name string, n int) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "j")
	j, err := Create(path, Options{Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for i := range n {
		if _, err := j.Append(fmt.Sprintf("%s %d", name, i%2)); err != nil { // every second one says the same
			t.Fatal(err)
		}
	}
	return slices.Collect(strings.Lines(string(get(t, path))))
}

// reads scans what lines make up and holds it against what a sound journal with the lines want has: all of it, or, where
// damaged is a line's number, what stands before that line.
func reads(t *testing.T, what string, got, want []string, damaged int) {
	t.Helper()
	s, err := scan("j", strings.NewReader(strings.Join(got, "")))
	var damage *DamageError
	if errors.As(err, &damage) != (damaged > 0) || damaged > 0 && damage.Line != damaged || damaged == 0 && err != nil {
		t.Errorf("%s: %v, want damage of line %d", what, err, damaged)
	}
	if damaged > 0 {
		want = want[:damaged-1]
	}
	var again []byte
	prev := ""
	for _, rec := range s.records {
		again = appendLine(again, rec.Seq, rec.Time, rec.Event, prev)
		prev = rec.Hash
	}
	if string(again) != strings.Join(want, "") || s.head != prev {
		t.Errorf("%s: the records are\n%swant\n%s", what, again, strings.Join(want, ""))
	}
}

// Whatever whole lines are taken away, repeated, moved or exchanged, the first line out of its place is named, and no line
// from there on is read. Only a journal that lacks its last lines is a sound one: a younger self.
func TestLinesOutOfPlace(t *testing.T) {
	const n = 6
	a := many(t, "a", n)
	for i := range n {
		damaged := i + 1
		if i == n-1 {
			damaged = 0
		}
		reads(t, fmt.Sprintf("line %d lost", i+1), slices.Delete(slices.Clone(a), i, i+1), a[:n-1], damaged)
		for k := range n + 1 {
			at := k + 1
			if k == i { // what stands second is the repetition
				at = i + 2
			}
			reads(t, fmt.Sprintf("line %d again before line %d", i+1, k+1), slices.Insert(slices.Clone(a), k, a[i]), a, at)
			if k < i {
				swapped := slices.Clone(a)
				swapped[i], swapped[k] = a[k], a[i]
				reads(t, fmt.Sprintf("lines %d and %d exchanged", k+1, i+1), swapped, a, k+1)
			}
		}
	}
	reads(t, "twice", append(slices.Clone(a), a...), a, n+1)
}

// Lines of another journal verify only on their own: neither a beginning, nor an end, nor a single line of it is taken,
// though the other was written by the same program at the same times, and holds the same events but for one.
func TestLinesOfAnotherJournal(t *testing.T) {
	const n = 6
	a := many(t, "a", n)
	for _, other := range []string{"b", "aa"} {
		b := many(t, other, n)
		for k := 1; k < n; k++ {
			reads(t, fmt.Sprintf("%s from line %d on", other, k+1), slices.Concat(a[:k], b[k:]), a, k+1)
		}
		for k := range n {
			one := slices.Clone(a)
			one[k] = b[k]
			if k > 0 {
				reads(t, fmt.Sprintf("line %d of %s", k+1, other), one, a, k+1)
				continue
			}
			reads(t, "line 1 of "+other, one, b, 2) // which may well be a first line
		}
		reads(t, other+" behind", slices.Concat(a, b), a, n+1)
	}
	// A journal that went another way from line 4 on: two that a copy made of one.
	fork := func(name string) []string {
		path := filepath.Join(t.TempDir(), "j")
		put(t, path, []byte(strings.Join(a[:3], "")))
		j, _, err := Open(path, Options{Now: clock()})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		for range 3 {
			j.Append(name)
		}
		return slices.Collect(strings.Lines(string(get(t, path))))
	}
	b, c := fork("b"), fork("c")
	for k := 4; k < n; k++ {
		reads(t, fmt.Sprintf("two ways, from line %d on", k+1), slices.Concat(b[:k], c[k:]), b, k+1)
	}
}

// What follows the last line is torn if it has no newline, and else damage of the line that it would be. It never becomes
// an event, and it never takes one away.
func TestGarbageAtTheEnd(t *testing.T) {
	const n = 3
	a := many(t, "a", n)
	first := strings.TrimSuffix(a[0], "\n")
	next := string(appendLine(nil, n+1, clock()(), []byte(`"forged"`), "")) // a line whose hash follows from nothing
	for name, garbage := range map[string]string{
		"a zero": "\x00", "zeros of a sector": strings.Repeat("\x00", 511), "zeros of a page": strings.Repeat("\x00", 4096),
		"zeros beyond the longest line": strings.Repeat("\x00", MaxLine+1),
		"ones":                          strings.Repeat("\xff", 4096), "text": "hello", "a brace": "{", "blank": " ", "return": "\r",
		"a line of an older time": first, "a forged line": strings.TrimSuffix(next, "\n"), "two lines in one": first + first,
	} {
		var torn, damaged int
		if torn = len(garbage); torn > MaxLine {
			torn, damaged = 0, n+1
		}
		reads(t, name, append(slices.Clone(a), garbage), a, damaged)
		if s, _ := scan("j", strings.NewReader(strings.Join(a, "")+garbage)); len(s.tail) != torn {
			t.Errorf("%s: %d bytes torn, want %d", name, len(s.tail), torn)
		}
		reads(t, name+" with a newline", append(slices.Clone(a), garbage+"\n"), a, n+1)
		reads(t, name+" and a line", append(slices.Clone(a), garbage+next), a, n+1)
	}
}

// A file system that had made room for a line and not written it when the machine died leaves zeros, from any byte on: what
// was whole by then is read, and the rest is torn. Where all but the newline was written, nobody can tell that from a
// newline that was lost later, behind an event that counts: that is refused.
func TestZerosFromEveryByte(t *testing.T) {
	data := small(t, filepath.Join(t.TempDir(), "j"))
	whole, err := scan("j", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(data) {
		zeroed := append(bytes.Clone(data[:cut]), make([]byte, len(data)-cut)...)
		n, end := bytes.Count(data[:cut], []byte("\n")), bytes.LastIndexByte(data[:cut], '\n')+1
		s, err := scan("j", bytes.NewReader(zeroed))
		equal(t, s.records, whole.records[:n])
		if data[cut] == '\n' {
			var damage *DamageError
			if !errors.As(err, &damage) || damage.Line != n+1 {
				t.Errorf("zeros from the newline at %d on: %v", cut, err)
			}
			continue
		}
		if err != nil || len(s.tail) != len(data)-end || s.end != int64(end) {
			t.Fatalf("zeros from %d on: %+v, %v", cut, s, err)
		}
	}
}

// A byte changed in a torn line leaves it torn, or makes damage of it: it never becomes an event.
func TestFlippedInTheTornTail(t *testing.T) {
	data := small(t, filepath.Join(t.TempDir(), "j"))
	end := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	for _, cut := range []int{end + 1, end + 40, len(data) - 3, len(data) - 2, len(data) - 1} {
		torn := bytes.Clone(data[:cut])
		for at := end; at < cut; at++ {
			was := torn[at]
			for _, now := range others(was) {
				torn[at] = now
				s, err := scan("j", bytes.NewReader(torn))
				var damage *DamageError
				switch {
				case len(s.records) != 2:
					t.Fatalf("cut at %d, byte %d as %q: %d records", cut, at, now, len(s.records))
				case now == '\n' && (!errors.As(err, &damage) || damage.Line != 3):
					t.Fatalf("cut at %d, byte %d as a newline: %v", cut, at, err)
				case now != '\n' && (err != nil || len(s.tail) != cut-end):
					t.Fatalf("cut at %d, byte %d as %q: %d bytes torn, %v", cut, at, now, len(s.tail), err)
				}
			}
			torn[at] = was
		}
	}
}

// Opened at any cut, a journal has the longest prefix of whole lines and nothing else; what was torn is kept beside it, and
// it goes on from there.
func TestOpenedAtEveryCut(t *testing.T) {
	data := small(t, filepath.Join(t.TempDir(), "j"))
	whole, err := scan("j", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(data) + 1 {
		if testing.Short() && cut%7 != 0 {
			continue
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "j")
		put(t, path, data[:cut])
		n, end := bytes.Count(data[:cut], []byte("\n")), bytes.LastIndexByte(data[:cut], '\n')+1
		j, recs, err := Open(path, Options{Now: clock()})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		equal(t, recs, whole.records[:n])
		if !bytes.Equal(get(t, path), data[:end]) {
			t.Fatalf("cut at %d: left %q", cut, get(t, path))
		}
		rec, err := j.Append("next")
		if err != nil || rec.Seq != n+1 {
			t.Fatalf("cut at %d: %+v, %v", cut, rec, err)
		}
		j.Close()
		if after, report, err := Read(path); err != nil || report.Torn != 0 || report.Head != rec.Hash || len(after) != n+1 {
			t.Fatalf("cut at %d: after it %d records, %+v, %v", cut, len(after), report, err)
		}
		if aside := path + ".torn-1"; end < cut {
			if names(t, dir) != "j j.torn-1" || j.SetAside() != aside || !bytes.Equal(get(t, aside), data[end:cut]) {
				t.Fatalf("cut at %d: %s, set aside as %q", cut, names(t, dir), j.SetAside())
			}
		} else if names(t, dir) != "j" || j.SetAside() != "" {
			t.Fatalf("cut at %d: %s, set aside as %q", cut, names(t, dir), j.SetAside())
		}
	}
}
