package main

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// windowRows is so many that nothing leaves a window at its top.
const windowRows = 250

// window is rekey in a terminal, as an emulator of other people's shows it.
type window struct {
	t       *testing.T
	columns int
	cmd     *exec.Cmd
	pty     *os.File
	ended   chan struct{}

	mu     sync.Mutex
	screen vt10x.Terminal
	stream bytes.Buffer
}

// desk is a folder to work in, with a sandbox that its commands share.
type desk struct {
	t   *testing.T
	dir string
	env []string // beside what all have
}

func newDesk(t *testing.T) *desk {
	return &desk{t: t, dir: t.TempDir(), env: []string{"REKEY_TEST_NOW=2026-01-15T12:00:00Z"}}
}

func (d *desk) command(args ...string) *exec.Cmd {
	path, err := exec.LookPath("rekey") // the test's own binary, see TestMain
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = d.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "USER=ada", "TERM=xterm-256color", "GORACE=atexit_sleep_ms=1"}, d.env...)
	return cmd
}

// piped runs rekey without a terminal and returns all that it says.
func (d *desk) piped(args ...string) string {
	out, _ := d.command(args...).CombinedOutput()
	return string(out)
}

// open runs rekey in a terminal of so many columns.
func (d *desk) open(columns int, args ...string) *window {
	w := &window{t: d.t, columns: columns, cmd: d.command(args...), ended: make(chan struct{})}
	w.screen = vt10x.New(vt10x.WithSize(columns, windowRows))
	var err error
	w.pty, err = pty.StartWithSize(w.cmd, &pty.Winsize{Rows: windowRows, Cols: uint16(columns)})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { w.cmd.Process.Kill(); w.pty.Close() })
	go func() {
		defer close(w.ended)
		buffer := make([]byte, 4096)
		for {
			n, err := w.pty.Read(buffer) // an error: nobody has the other side any more
			w.mu.Lock()
			w.stream.Write(buffer[:n])
			w.screen.Write(buffer[:n])
			w.mu.Unlock()
			if err != nil {
				w.cmd.Wait()
				return
			}
		}
	}()
	return w
}

// lines are what stands on the screen, up to the cursor's line.
func (w *window) lines() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for y := range w.screen.Cursor().Y + 1 {
		var b strings.Builder
		for x := range w.columns {
			b.WriteRune(w.screen.Cell(x, y).Char)
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}

// await waits until the screen shows a text.
func (w *window) await(pattern string) {
	w.t.Helper()
	want := regexp.MustCompile(pattern)
	for until := time.Now().Add(patience); !want.MatchString(strings.Join(w.lines(), "\n")); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			w.t.Fatalf("the screen never shows %s, but\n%s", pattern, strings.Join(w.lines(), "\n"))
		}
	}
}

// end waits until rekey has ended, with a code, and returns what it leaves on
// the screen.
func (w *window) end(code int) string {
	w.t.Helper()
	select {
	case <-w.ended:
	case <-time.After(patience):
		w.t.Fatalf("it does not end:\n%s", strings.Join(w.lines(), "\n"))
	}
	text := strings.Join(w.lines(), "\n")
	if got := w.cmd.ProcessState.ExitCode(); got != code {
		w.t.Fatalf("exit code %d, want %d:\n%s", got, code, text)
	}
	if at := w.screen.Cursor(); at.X != 0 || !w.screen.CursorVisible() {
		w.t.Errorf("it leaves the cursor in column %d, visible: %t", at.X, w.screen.CursorVisible())
	}
	for y := w.screen.Cursor().Y; y < windowRows; y++ {
		for x := range w.columns {
			if w.screen.Cell(x, y).Char != ' ' {
				w.t.Fatalf("line %d below the cursor is not empty", y)
			}
		}
	}
	w.fits()
	return text
}

var (
	movement  = regexp.MustCompile(`\x1b\[(2K|A|[0-9]*m)`)
	drawnOnly = regexp.MustCompile(`(?m)^  (running|planning|undoing|stopping|reading|writing|looking|waiting    \w+ more ·)`)
	madeUp    = regexp.MustCompile(`\b\d{8}-\d{6}-[0-9a-f]{6}\b|[A-Za-z0-9_-]{43}`)
)

// fits checks what was sent to the terminal: nothing but text, colours and ways
// back over what was drawn, and no line that is wider.
func (w *window) fits() {
	w.t.Helper()
	text := movement.ReplaceAllString(w.stream.String(), "")
	for l := range strings.SplitSeq(strings.ReplaceAll(text, "\r", "\n"), "\n") {
		if n := len([]rune(l)); n > w.columns {
			w.t.Errorf("a line has %d columns of %d: %q", n, w.columns, l)
		}
		if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' }) {
			w.t.Errorf("a line has a control character: %q", l)
		}
	}
}

// words are a text's words, whatever lines they stand in, without what differs
// from run to run.
func words(text string) string {
	return madeUp.ReplaceAllString(strings.Join(strings.Fields(text), " "), "ID")
}

// TestTerminal: in a terminal of any width the same words stand on the screen in
// the end as without one; none is torn, and nothing of what was drawn is left.
func TestTerminal(t *testing.T) {
	args := []string{"run", "rotate-app-key", "--sandbox", "--yes", "-i", "activate=true", "-i", "out=out"}
	for _, columns := range []int{80, 200} {
		t.Run(strconv.Itoa(columns), func(t *testing.T) {
			t.Parallel()
			piped := newDesk(t).piped(args...)
			if strings.ContainsAny(piped, "\x1b\r") {
				t.Errorf("without a terminal there are escape codes: %q", piped)
			}
			w := newDesk(t).open(columns, args...)
			text := w.end(exitOK)
			if got, want := words(text), words(piped); got != want {
				t.Errorf("on the screen stands\n%s\nwithout a terminal it is\n%s", text, piped)
			}
			if left := drawnOnly.FindString(text); left != "" {
				t.Errorf("%q is left on the screen:\n%s", left, text)
			}
			for _, drawn := range []string{"  \x1b[36mplanning\x1b[0m", "  \x1b[36mrunning\x1b[0m    0s · 3 of 4 steps done"} {
				if !strings.Contains(w.stream.String(), drawn) {
					t.Errorf("it never drew %q", drawn)
				}
			}
		})
	}
}

// TestTerminalShows: in a narrow terminal what is shown of runs and plans has the
// words that it has without one, and no line is wider.
func TestTerminalShows(t *testing.T) {
	d := newDesk(t)
	d.piped("run", "rotate-app-key", "--sandbox", "--yes", "-i", "activate=true", "-i", "out=out")
	run := madeUp.FindString(d.piped("runs"))
	d.piped("plan", "rotate-app-key", "--sandbox", "--out", "one.json")
	d.piped("plan", "rotate-app-key", "--sandbox", "--out", "two.json", "-i", "activate=true")
	for _, args := range [][]string{{"runs"}, {"show", run}, {"show", run, "--verify"}, {"diff", "one.json", "two.json"}} {
		t.Run(strings.Join(args[:1], " "), func(t *testing.T) {
			t.Parallel()
			w := d.open(80, args...)
			w.t = t
			text := w.end(exitOK)
			if got, want := words(text), words(d.piped(args...)); got != want || want == "" {
				t.Errorf("on the screen stands\n%s\nwithout a terminal it is\n%s", text, want)
			}
		})
	}
}

// TestTerminalPlain: a terminal that cannot move its cursor gets lines alone,
// and nothing is coloured that should not be.
func TestTerminalPlain(t *testing.T) {
	for name, c := range map[string]struct {
		env, flags []string
		escapes    string
	}{
		"dumb":       {[]string{"TERM=dumb"}, nil, ""},
		"no TERM":    {[]string{"TERM="}, nil, ""},
		"NO_COLOR":   {[]string{"NO_COLOR=1"}, nil, "\x1b[2K"},
		"never":      {nil, []string{"--color", "never"}, "\x1b[2K"},
		"NO_COLOR=":  {[]string{"NO_COLOR="}, nil, "\x1b[32mok"},
		"overridden": {[]string{"NO_COLOR=1"}, []string{"--color", "always"}, "\x1b[32mok"},
		"quiet":      {nil, []string{"--quiet"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.env = append(d.env, c.env...)
			w := d.open(100, append([]string{"run", "rotate-app-key", "--sandbox", "--yes", "-i", "out=out"}, c.flags...)...)
			text, stream := w.end(exitOK), w.stream.String()
			if got := strings.Contains(stream, "\x1b"); got != (c.escapes != "") || !strings.Contains(stream, c.escapes) {
				t.Errorf("want %q in %q", c.escapes, stream)
			}
			if colours := strings.Contains(stream, "m"+"ok\x1b"); colours != strings.HasSuffix(c.escapes, "ok") {
				t.Errorf("coloured: %t", colours)
			}
			if quiet := !strings.Contains(text, "Plan: ") && !strings.Contains(text, "  ok  "); quiet != (name == "quiet") {
				t.Errorf("it says\n%s", text)
			}
			if !strings.Contains(text, ": done\n") {
				t.Errorf("without its result:\n%s", text)
			}
		})
	}
	if out := newDesk(t).piped("run", "rotate-app-key", "--sandbox", "--yes", "-i", "out=out", "--color", "always"); !strings.Contains(out, "  \x1b[32mok\x1b[0m         generate: ") || strings.Contains(out, "\x1b[2K") {
		t.Errorf("in a pipe with --color always: %q", out)
	}
}

// sandbox starts the sandbox in another process and has the desk work on it.
func (d *desk) sandbox(flags ...string) *os.Process {
	d.t.Helper()
	env := filepath.Join(d.dir, "sandbox.env")
	cmd := d.command(append([]string{"sandbox", "--keys", "pool", "--env-file", env}, flags...)...)
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for until := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		settings, err := os.ReadFile(env)
		if err == nil {
			d.env = append(d.env, strings.Fields(string(settings))...)
			return cmd.Process
		}
		if !errors.Is(err, os.ErrNotExist) || time.Now().After(until) {
			d.t.Fatalf("the sandbox does not get ready: %v", err)
		}
	}
}

func (d *desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// TestTerminalFleet: items side by side, one of which fails, and a rate limit
// that is waited for.
func TestTerminalFleet(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.env = []string{"REKEY_TEST_NOW="}
	d.sandbox("--apps", "4", "--fail", "POST */generate@1=429", "--fail", "PUT /api/v1/apps/"+fleetApp(2)+"=400")
	d.write("fleet.yaml", strings.Replace(fleetPlaybook, "%d", "1", 1))
	apps := `["` + strings.Join([]string{fleetApp(1), fleetApp(2), fleetApp(3), fleetApp(4)}, `","`) + `"]`
	w := d.open(80, "run", "fleet.yaml", "--yes", "-i", "apps="+apps, "--on-failure", "keep")
	text := w.end(exitStopped)
	if left := drawnOnly.FindString(text); left != "" {
		t.Errorf("%q is left on the screen:\n%s", left, text)
	}
	if n := strings.Count(text, "\n  ok  "); n != 11 {
		t.Errorf("%d lines say ok, want 11 (eleven steps of twelve):\n%s", n, text)
	}
	stream := movement.ReplaceAllString(w.stream.String(), "")
	for _, drawn := range []string{
		`planning   \w+`, `running    \w+ · fleet: \d of 4, 1 failed`, `waiting    \w+ more · for Okta's rate limit of apps`, `(reading|writing)    \w+ · fleet\[0oaFleet0000\dXs0h7\]\.\w+`,
	} {
		if !regexp.MustCompile(drawn).MatchString(stream) {
			t.Errorf("it never drew %s:\n%s", drawn, stream)
		}
	}
}

// TestTerminalInterrupt: who types Ctrl-C sees that it was heard, what is waited
// for, and then an orderly screen.
func TestTerminalInterrupt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.env = []string{"REKEY_TEST_NOW="}
	d.sandbox("--fail", "POST *@1=hold:1h")
	w := d.open(80, "run", "rotate-app-key", "-i", "app=0oa8ae1t5yev2ajDs0h7", "-i", "out=out")
	w.await(`Carry this out in .*\? \[y/N\]$`)
	w.pty.WriteString("y\n")
	w.await(`(?m)^  writing    \w+ · generate$`)
	w.pty.WriteString("\x03")
	w.await(`(?m)^rekey: interrupted: [^°]*^  stopping   \w+ · 1 of 4 steps done\n  writing    \w+ · generate`)
	release(t, d)
	text := w.end(exitStopped)
	if left := drawnOnly.FindString(text); left != "" || strings.Contains(text, "^C") {
		t.Errorf("%q, or what was typed, is left on the screen:\n%s", left, text)
	}
	if !regexp.MustCompile(`(?m)^Run .*: interrupted part-way$`).MatchString(text) {
		t.Errorf("got\n%s", text)
	}
}

// release has the sandbox give the requests that it holds their answers.
func release(t *testing.T, d *desk) {
	t.Helper()
	for _, setting := range d.env {
		url, ok := strings.CutPrefix(setting, "OKTA_CLIENT_ORGURL=")
		if !ok {
			continue
		}
		request, err := http.NewRequest(http.MethodDelete, url+"/_sandbox/held", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
}
