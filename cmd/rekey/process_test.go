package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// processes are the programs that a script started in the background.
type processes struct {
	sandbox *process // the one started last
	named   map[string]*process
}

type processesKey struct{}

func processesOf(ts *testscript.TestScript) *processes {
	return ts.Value(processesKey{}).(*processes)
}

// process is a program in the background.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // once it has ended
}

// signInSettings are the settings that `rekey sandbox` prints.
var signInSettings = []string{
	"OKTA_CLIENT_ORGURL", "OKTA_CLIENT_TOKEN", "OKTA_CLIENT_AUTHORIZATIONMODE", "OKTA_CLIENT_CLIENTID",
	"OKTA_CLIENT_PRIVATEKEY", "OKTA_CLIENT_PRIVATEKEYID",
}

// launch starts a program in the script's folder. It ends with the script.
func launch(ts *testscript.TestScript, stdout, stderr io.Writer, program string, args ...string) *process {
	path, err := exec.LookPath(program)
	ts.Check(err)
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), stdout, stderr
	names := []string{"PATH", "TMPDIR", "GOCOVERDIR", "HOME", "USER", "REKEY_STATE_DIR", "REKEY_TEST_NOW", "GORACE", canariesEnv}
	for _, name := range append(names, signInSettings...) {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(cmd.Start())
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	ts.Defer(func() { p.terminate() })
	return p
}

// surroundings are an environment for programs: what they need of that of the
// tests, which may have settings of rekey's and much else, with a home of their
// own and more.
func surroundings(home string, more ...string) []string {
	env := []string{"HOME=" + home}
	for _, name := range []string{"PATH", "TMPDIR", "GOCOVERDIR"} {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return append(env, more...)
}

// terminate ends the process by SIGTERM, if it is not stopped, and returns how
// it took that.
func (p *process) terminate() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Process.Signal(syscall.SIGCONT)
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		p.cmd.Process.Kill()
		return fmt.Errorf("it did not end within %s of SIGTERM", patience)
	}
}

// patience is how long anything is waited for: so long that only what hangs
// takes longer, on a machine that is busy with other things.
const patience = 5 * time.Minute

// await waits until something is so.
func await(ts *testscript.TestScript, so func() bool, otherwise string, args ...any) {
	for until := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			ts.Fatalf(otherwise, args...)
		}
	}
}

// awaitText waits until a file holds a text.
func awaitText(ts *testscript.TestScript, file, pattern string) {
	want := regexp.MustCompile(pattern)
	await(ts, func() bool {
		data, _ := os.ReadFile(ts.MkAbs(file))
		return want.Match(data)
	}, "nothing in %s matches %s", file, pattern)
}

// sandbox [flags…]: starts `rekey sandbox` in another process, with pooled
// keys and the log requests.log, waits until it is ready and loads its
// settings. It ends with the script. A second one replaces the first in all of
// that.
func cmdSandbox(ts *testscript.TestScript, _ bool, args []string) {
	env, log := ts.MkAbs("sandbox.env"), ts.MkAbs("requests.log")
	os.Remove(env)
	os.Remove(log)
	var stderr bytes.Buffer
	args = append([]string{"sandbox", "--keys", "pool", "--env-file", env, "--log", log}, args...)
	p := launch(ts, io.Discard, &stderr, "rekey", args...)
	processesOf(ts).sandbox = p
	await(ts, func() bool {
		select {
		case <-p.ended:
			ts.Fatalf("the sandbox ended, %v: %s", p.err, stderr.String())
		default:
		}
		_, err := os.Stat(env)
		return err == nil
	}, "the sandbox does not get ready")
	loadEnv(ts, env)
}

// asked are the requests that the sandbox answers it has held so far, to a GET,
// or has let go of now, to a DELETE.
func asked(ts *testscript.TestScript, method string) (requests []string) {
	request, err := http.NewRequest(method, ts.Getenv("OKTA_CLIENT_ORGURL")+"/_sandbox/held", nil)
	ts.Check(err)
	answer, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer answer.Body.Close()
	ts.Check(json.NewDecoder(answer.Body).Decode(&requests))
	return requests
}

// waitheld [N]: waits until the sandbox holds N requests, or one: they have
// taken effect, and their clients wait for the answers.
func cmdWaitHeld(ts *testscript.TestScript, _ bool, args []string) {
	n := 1
	if len(args) > 0 {
		var err error
		n, err = strconv.Atoi(args[0])
		ts.Check(err)
	}
	await(ts, func() bool { return len(asked(ts, http.MethodGet)) == n }, "%d requests are not held", n)
}

// release: has the sandbox give the requests that it holds their answers.
func cmdRelease(ts *testscript.TestScript, _ bool, _ []string) {
	if len(asked(ts, http.MethodDelete)) == 0 {
		ts.Fatalf("nothing was held")
	}
}

// stopped: ends the sandbox by SIGTERM; it must exit with 0.
func cmdStopped(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(processesOf(ts).sandbox.terminate())
}

// begin NAME program args…: starts a program in the background, with its
// output in NAME.out and NAME.err.
func cmdBegin(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: begin NAME program args…")
	}
	var files [2]*os.File
	for i, suffix := range []string{".out", ".err"} {
		file, err := os.Create(ts.MkAbs(args[0] + suffix))
		ts.Check(err)
		defer file.Close() // the program has it by then
		files[i] = file
	}
	processesOf(ts).named[args[0]] = launch(ts, files[0], files[1], args[1], args[2:]...)
}

// named is a program that begin started.
func named(ts *testscript.TestScript, name string) *process {
	p := processesOf(ts).named[name]
	if p == nil {
		ts.Fatalf("no program %s was begun", name)
	}
	return p
}

// signal NAME SIGNAL: sends a signal to a program that begin started.
func cmdSignal(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]os.Signal{
		"INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL,
		"STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT,
	}
	ts.Check(named(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

// ends CODE NAME: waits until a program that begin started has ended; it must
// exit with CODE.
func cmdEnds(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	p := named(ts, args[1])
	select {
	case <-p.ended:
	case <-time.After(patience):
		ts.Fatalf("%s does not end", args[1])
	}
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("%s exited with %d, want %d\n%s%s", args[1], got, want, ts.ReadFile(args[1]+".out"), ts.ReadFile(args[1]+".err"))
	}
}

// waittext FILE REGEXP: waits until a file holds a text.
func cmdWaitText(ts *testscript.TestScript, _ bool, args []string) { awaitText(ts, args[0], args[1]) }

// cutafter FILE TEXT: cuts a file off after the first line that holds a text,
// as if the process that wrote it had died there.
func cmdCutAfter(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	at := strings.Index(text, args[1])
	if at < 0 {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	end := strings.Index(text[at:], "\n") + 1
	if end == 0 || at+end == len(text) {
		ts.Fatalf("nothing follows %q in %s", args[1], args[0])
	}
	ts.Check(os.Truncate(ts.MkAbs(args[0]), int64(at+end)))
}

// newest NAME DUMP APP: sets a variable to the kid of an app's latest key in a
// dump.
func cmdNewest(ts *testscript.TestScript, _ bool, args []string) {
	var org dumped
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &org))
	for _, app := range org.Apps {
		if app.ID == args[2] {
			var key struct{ Kid string }
			ts.Check(json.Unmarshal(app.Keys[len(app.Keys)-1], &key))
			ts.Setenv(args[0], key.Kid)
			return
		}
	}
	ts.Fatalf("%s has no app %s", args[1], args[2])
}

// newkey FILE DUMP APP: writes the modulus of an app's latest key in a dump to
// a file.
func cmdNewKey(ts *testscript.TestScript, _ bool, args []string) {
	var org dumped
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &org))
	for _, app := range org.Apps {
		if app.ID != args[2] {
			continue
		}
		var key struct{ N string }
		ts.Check(json.Unmarshal(app.Keys[len(app.Keys)-1], &key))
		if key.N == "" {
			ts.Fatalf("the key has no modulus: %s", app.Keys[len(app.Keys)-1])
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(key.N), 0o600))
		return
	}
	ts.Fatalf("%s has no app %s", args[1], args[2])
}
