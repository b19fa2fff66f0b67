package view

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/hinshun/vt10x"
)

// emulated is a terminal as an emulator of other people's has it, so large that
// nothing leaves it.
type emulated struct {
	vt10x.Terminal
	t       *testing.T
	columns int
	stream  strings.Builder
}

const emulatedRows = 120

func emulate(t *testing.T, columns int) (*emulated, *Screen) {
	e := &emulated{Terminal: vt10x.New(vt10x.WithSize(columns, emulatedRows)), t: t, columns: columns}
	return e, &Screen{To: e, Size: func() (int, int, bool) { return e.columns, 40, true }}
}

// Write takes what is written as a terminal does, which begins a new line at
// the left.
func (e *emulated) Write(p []byte) (int, error) {
	e.stream.Write(p)
	return e.Terminal.Write([]byte(strings.ReplaceAll(string(p), "\n", "\r\n")))
}

func (e *emulated) resize(columns int) {
	e.columns = columns
	e.Resize(columns, emulatedRows)
}

// lines are what stands on the screen, up to the cursor.
func (e *emulated) lines() (out []string) {
	for y := range emulatedRows {
		var b strings.Builder
		for x := range e.columns {
			b.WriteRune(e.Cell(x, y).Char)
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	at := e.Cursor()
	for y := at.Y; y < len(out); y++ {
		if out[y] != "" {
			e.t.Errorf("line %d stands below the cursor, which is in %d: %q", y, at.Y, out[y])
		}
	}
	if at.X != 0 {
		e.t.Errorf("the cursor is in column %d", at.X)
	}
	return out[:at.Y]
}

func (e *emulated) want(lines ...string) {
	e.t.Helper()
	if got := strings.Join(e.lines(), "\n"); got != strings.Join(lines, "\n") {
		e.t.Errorf("on the screen stands\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
	}
}

func TestScreen(t *testing.T) {
	e, s := emulate(t, 40)
	s.Draw("", []string{"  running    0s", "  writing    a"})
	e.want("  running    0s", "  writing    a")
	fmt.Fprintln(s, "  ok         a: what was done fits no line of forty columns")
	e.want("  ok         a: what was done fits no", "             line of forty columns", "  running    0s", "  writing    a")
	e.Terminal.Write([]byte("^C")) // as the terminal shows it
	s.Draw("  ok         b\n", []string{"  running    1s · a text that is too wide for it"})
	e.want("  ok         a: what was done fits no", "             line of forty columns", "  ok         b", "  running    1s · a text that is too…")
	s.Draw("", nil)
	fmt.Fprintln(s, "rekey: the end")
	e.want("  ok         a: what was done fits no", "             line of forty columns", "  ok         b", "rekey: the end")
}

// TestScreenAsks: what is asked stays where it is until it is answered.
func TestScreenAsks(t *testing.T) {
	e, s := emulate(t, 40)
	fmt.Fprint(s, "\nGo on? [y/N] ")
	s.Draw("", []string{"  running    0s"})
	e.Terminal.Write([]byte("y\r\n"))
	e.want("", "Go on? [y/N] y")
	fmt.Fprintln(s, "")
	s.Draw("", []string{"  running    0s"})
	e.want("", "Go on? [y/N] y", "", "  running    0s")
}

// TestScreenLeft: what somebody else has put on the screen in the meantime is
// not erased.
func TestScreenLeft(t *testing.T) {
	e, s := emulate(t, 40)
	s.Draw("", []string{"  running    0s", "  writing    a"})
	fmt.Fprint(e, "[1]+  Stopped\n$ fg\nrekey\n")
	s.Forget()
	s.Draw("  ok         a\n", []string{"  running    9s"})
	e.want("  running    0s", "  writing    a", "[1]+  Stopped", "$ fg", "rekey", "  ok         a", "  running    9s")
}

// TestScreenResized: when the terminal changes its width nothing that was said
// is lost, and what is drawn fits again.
func TestScreenResized(t *testing.T) {
	e, s := emulate(t, 60)
	fmt.Fprintln(s, "one two")
	s.Draw("", []string{"  running    0s · " + strings.Repeat("x", 80), "  writing    a"})
	for _, columns := range []int{30, 90, 21, 35, 50} {
		e.resize(columns)
		s.Draw("a "+fmt.Sprint(columns)+"\n", []string{"  running    0s · " + strings.Repeat("x", 80), "  writing    a"})
	}
	lines := strings.Join(e.lines(), "\n")
	if lines != "one two\na 30\na 90\na 21\na 35\na 50\n  running    0s · "+strings.Repeat("x", 28)+"…\n  writing    a" {
		t.Errorf("got\n%s", lines)
	}
}

// TestScreenAlways: whatever is said and drawn, on the screen stands what was
// said, and below it what was drawn last.
func TestScreenAlways(t *testing.T) {
	words := []string{"a", "generate:", "app/0oa8ae1t5yev2ajDs0h7", "JjdtKxuyNv_bEhg3fhf_YMYygkgKFlmBAkp-DedRtyg", "of", "·", "…", "\x1b[32mok\x1b[0m", "naïve", "é", "`rekey resume 2026`", "  "}
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		var out []string
		for range random.IntN(14) {
			out = append(out, words[random.IntN(len(words))])
		}
		return strings.Join(out, " ")
	}
	for range 30 {
		e, s := emulate(t, 44+random.IntN(120))
		said, frame := "", []string(nil)
		for range 12 {
			switch random.IntN(3) {
			case 0:
				l := text() + "\n"
				said += l
				s.Write([]byte(l))
			case 1:
				frame = nil
				for range random.IntN(5) {
					frame = append(frame, "> "+text())
				}
				s.Draw("", frame)
			case 2:
				l := text() + "\n"
				said += l
				s.Draw(l, frame)
			}
			lines := e.lines()
			if len(lines) < len(frame) {
				t.Fatalf("%d lines for a frame of %d", len(lines), len(frame))
			}
			above, below := lines[:len(lines)-len(frame)], lines[len(lines)-len(frame):]
			if got, want := strings.Fields(strings.Join(above, " ")), strings.Fields(unpainted(said)); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Fatalf("at %d columns stands\n%s\nwant the words\n%s", e.columns, strings.Join(above, "\n"), want)
			}
			for i, l := range below {
				want := strings.TrimRight(unpainted(frame[i]), " ")
				if begin, cut := strings.CutSuffix(l, "…"); l != want && !(cut && strings.HasPrefix(want, begin)) {
					t.Fatalf("drawn is %q, want %q", l, want)
				}
			}
		}
		fits(t, e.stream.String(), e.columns)
	}
}

var movements = regexp.MustCompile("\x1b\\[(2K|A|[0-9]+m)")

// fits checks that no line of a stream is wider than the terminal, and that
// nothing is in it but text, colours and the ways back over what was drawn.
func fits(t *testing.T, stream string, columns int) {
	t.Helper()
	stream = movements.ReplaceAllString(stream, "")
	for _, l := range strings.Split(strings.ReplaceAll(stream, "\r", "\n"), "\n") {
		if n := columnsOf(l); n > columns && strings.Contains(strings.TrimSpace(l), " ") && !strings.Contains(l, "`") {
			t.Errorf("a line has %d columns of %d: %q", n, columns, l)
		}
		if strings.ContainsAny(l, "\x1b\b\v\f") {
			t.Errorf("a line has a control character: %q", l)
		}
	}
}

func TestFold(t *testing.T) {
	for _, test := range []struct {
		columns    int
		text, want string
	}{
		{40, "short\n", "short\n"},
		{40, "  why  it has a reason that is longer than that\n", "  why  it has a reason that is longer\n       than that\n"},
		{40, "rekey: hint: `rekey rollback 20260115-120000-aaaaaa` undoes it\n", "rekey: hint:\n`rekey rollback 20260115-120000-aaaaaa`\nundoes it\n"},
		{40, "To undo it: rekey rollback 20260115-120000-aaaaaa --state-dir /tmp/x\n", "To undo it:\nrekey rollback 20260115-120000-aaaaaa --state-dir /tmp/x\n"},
		{40, "       request  POST /api/v1/apps/0oa8ae1t5yev2ajDs0h7\n", "       request  POST\n       /api/v1/apps/0oa8ae1t5yev2ajDs0h7\n"},
		{40, strings.Repeat("x", 60) + " y\n", strings.Repeat("x", 60) + "\ny\n"},
		{40, "日本語日本語日本語日本語 日本語日本語日本語日本語\n", "日本語日本語日本語日本語\n日本語日本語日本語日本語\n"},
		{19, "so narrow a terminal is left alone\n", "so narrow a terminal is left alone\n"},
	} {
		if got := fold(test.text, test.columns); got != test.want {
			t.Errorf("%q became\n%q, want\n%q", test.text, got, test.want)
		}
	}
}

// TestScreenNarrow: what a page has wrapped is wrapped anew for a terminal that
// is narrower, and is as it was for one that is wider.
func TestScreenNarrow(t *testing.T) {
	var p page
	p.wrapped("  why  ", strings.Repeat("longer ", 30))
	p.wrapped("  ! ", "short")
	p.wrapped("  -", "")
	p.line("To undo it: rekey rollback 20260115-120000-aaaaaa")
	e, s := emulate(t, 40)
	if err := p.to(s); err != nil {
		t.Fatal(err)
	}
	four := "       " + strings.TrimSpace(strings.Repeat("longer ", 4))
	e.want("  why  "+four[7:], four, four, four, four, four, four, "       longer longer", "  ! short", "  -", "To undo it:", "rekey rollback 20260115-120000-aaaaaa")
	for _, columns := range []int{100, 150} {
		var plain strings.Builder
		e, s := emulate(t, columns)
		if err := errors.Join(p.to(s), p.to(&plain)); err != nil {
			t.Fatal(err)
		}
		e.want(strings.Split(strings.TrimSuffix(plain.String(), "\n"), "\n")...)
	}
}

// TestScreenLast: the last words stand on a line of their own, nothing of what
// was drawn is left, and nothing comes after them.
func TestScreenLast(t *testing.T) {
	var b strings.Builder
	s := &Screen{To: &b, Size: func() (int, int, bool) { return 80, 24, true }}
	s.Draw("", []string{"one", "two"})
	b.Reset()
	s.Last("the end\n")
	s.Draw("more\n", []string{"three"})
	s.Write([]byte("and more\n"))
	if want := "\r\x1b[2K\x1b[A\x1b[2K\x1b[A\x1b[2Kthe end\n"; b.String() != want {
		t.Errorf("it writes %q, want %q", b.String(), want)
	}
	b.Reset()
	s = &Screen{To: &b, Size: s.Size}
	if s.Last("the end\n"); b.String() != "\r\nthe end\n" {
		t.Errorf("with nothing drawn it writes %q", b.String())
	}
}
