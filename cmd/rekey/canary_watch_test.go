package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http/httptrace"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/term"

	"example.com/rekey/internal/pki"
)

// canariesEnv names the folder of a script's canaries. Where it is set, each
// rekey process finds out which secrets it was given, and looks for them in
// all that it printed and wrote: whatever verb, face or failure it was.
const canariesEnv = "REKEY_TEST_CANARIES"

// leakedExit is the exit code of a process that showed a secret.
const leakedExit = 97

// oversight is over one process.
type oversight struct {
	dir    string                 // of the canaries; the script's folder is around it
	before map[string]fs.FileInfo // the files that were there at the start
	mu     sync.Mutex
	known  []canary
	stdout bytes.Buffer
	stderr bytes.Buffer
}

// overseen runs the program and fails it if it showed a secret, or JSON that is
// not as its schema has it.
func overseen(a *app) int {
	dir := os.Getenv(canariesEnv)
	if dir == "" || slices.Contains(os.Args[1:], "sandbox") { // which hands its own secrets out
		return start(a)
	}
	signal.Ignore(syscall.SIGPIPE)
	collectLess()
	w := &oversight{dir: dir, before: map[string]fs.FileInfo{}}
	eachFile(filepath.Dir(dir), func(path string, info fs.FileInfo) { w.before[path] = info })
	w.note("app secret", "made-up-secret-of-") // with which those of the default org begin
	w.note("passphrase", pki.SamplePassphrase)
	w.environment()
	a.raw = [2]io.Writer{a.stdout, a.stderr}
	a.stdout, a.stderr = w.tee(a.stdout, &w.stdout), w.tee(a.stderr, &w.stderr)
	trace := &httptrace.ClientTrace{WroteHeaderField: func(name string, values []string) {
		if name == "Authorization" || name == "Dpop" || name == "DPoP" {
			for _, value := range values {
				w.note("token", value[strings.IndexByte(value, ' ')+1:])
			}
		}
	}}
	code := a.main(httptrace.WithClientTrace(context.Background(), trace), os.Args[1:])
	w.keys()
	leak(w)
	found := w.leaks()
	if err := schemaFault(os.Args[1:], w.stdout.Bytes()); err != nil {
		found = append(found, err.Error())
	}
	if len(found) > 0 {
		text := fmt.Sprintf("canary: rekey %s\n\t%s\n", strings.Join(os.Args[1:], " "), strings.Join(found, "\n\t"))
		fmt.Fprint(os.Stderr, text)
		appendFile(filepath.Join(dir, "leaks"), []byte(text))
		return leakedExit
	}
	return code
}

// tee keeps what is written, but for a terminal, which must stay one.
func (w *oversight) tee(to io.Writer, kept *bytes.Buffer) io.Writer {
	if file, ok := to.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return to
	}
	return io.MultiWriter(to, &keeper{w: w, kept: kept})
}

type keeper struct {
	w    *oversight
	kept *bytes.Buffer
}

func (k *keeper) Write(p []byte) (int, error) {
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	return k.kept.Write(p)
}

// note takes a secret up, for this process and those that come after it.
func (w *oversight) note(kind, value string) {
	if len(value) < shortest {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := canary{kind, []byte(value)}
	if slices.ContainsFunc(w.known, func(k canary) bool { return reflect.DeepEqual(k, c) }) {
		return
	}
	w.known = append(w.known, c)
	if line, err := json.Marshal(c); err == nil {
		appendFile(filepath.Join(w.dir, "known"), append(line, '\n'))
	}
}

func appendFile(name string, data []byte) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		_, err = file.Write(data)
		file.Close()
	}
	if err != nil {
		panic(err)
	}
}

// environment takes up the secrets that the process was given in variables.
func (w *oversight) environment() {
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case name == "OKTA_CLIENT_TOKEN":
			w.note("token", value)
		case name == "OKTA_CLIENT_PRIVATEKEY":
			w.key([]byte(value))
		case name == "REKEY_INPUT_CA_PASS":
			w.note("passphrase", value)
		case strings.HasPrefix(name, "REKEY_INPUT_") && strings.HasPrefix(value, "canary"):
			w.note("input", value)
		}
	}
}

// keys takes up the private keys that lie about where the script works, and of
// encrypted ones what is in them.
func (w *oversight) keys() {
	filepath.WalkDir(filepath.Dir(w.dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > 64<<10 {
			return nil
		}
		if data, err := os.ReadFile(path); err == nil && isKeyFile(data) {
			w.key(data)
		}
		return nil
	})
}

// isKeyFile reports whether a file is a private key: PEM or JWK.
func isKeyFile(data []byte) bool {
	var jwk struct{ Kty, D string }
	return bytes.HasPrefix(data, []byte("-----BEGIN")) && bytes.Contains(data, []byte("PRIVATE KEY-----")) ||
		bytes.HasPrefix(data, []byte("{")) && json.Unmarshal(data, &jwk) == nil && jwk.D != ""
}

// key takes up a private key: a line of its text, and its secret number.
func (w *oversight) key(data []byte) {
	var jwk struct{ D string }
	if json.Unmarshal(data, &jwk) == nil && jwk.D != "" {
		w.note("key", jwk.D)
		return
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(pem.EncodeToMemory(block))), "\n")
		w.note("key", lines[len(lines)/2])
		for _, c := range slices.Clone(w.known) {
			if c.Kind != "passphrase" && c.Kind != "input" {
				continue
			}
			if signer, err := pki.ParsePrivateKey(pem.EncodeToMemory(block), c.Value); err == nil {
				der, _ := x509.MarshalPKCS8PrivateKey(signer)
				middle := der[len(der)/2:][:24]
				w.note("key", string(middle))
				w.note("key", new(big.Int).SetBytes(middle).Text(10))
				break
			}
		}
	}
}

// leaks says where a secret is that this process, or one before it, was given.
func (w *oversight) leaks() (found []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := newFinder(append(w.known, knownIn(w.dir)...))
	say := func(where string, data []byte) {
		if what := f.find(data); what != "" {
			found = append(found, where+" holds "+what)
		}
	}
	say("stdout", w.stdout.Bytes())
	say("stderr", masks.ReplaceAll(w.stderr.Bytes(), nil))
	eachWritten(filepath.Dir(w.dir), w.before, say)
	return found
}

// masks matches what tells GitHub which texts to mask: for that they are written.
var masks = regexp.MustCompile(`(?m)^::add-mask::.*$`)

// knownIn are the canaries that a script's processes met so far.
func knownIn(dir string) (all []canary) {
	data, _ := os.ReadFile(filepath.Join(dir, "known"))
	for line := range bytes.Lines(data) {
		var c canary
		if json.Unmarshal(line, &c) == nil && !slices.ContainsFunc(all, func(k canary) bool { return reflect.DeepEqual(k, c) }) {
			all = append(all, c)
		}
	}
	return all
}

// eachWritten visits the files below a folder that are not as they were before,
// and may hold no secret: not keys, settings and orgs.
func eachWritten(root string, before map[string]fs.FileInfo, visit func(name string, data []byte)) {
	eachFile(root, func(path string, info fs.FileInfo) {
		was := before[path]
		if was != nil && os.SameFile(was, info) && was.Size() == info.Size() && was.ModTime().Equal(info.ModTime()) {
			return
		}
		if data, err := os.ReadFile(path); err == nil && !isKeyFile(data) && !isOrg(data) {
			visit(strings.TrimPrefix(path, root+"/"), data)
		}
	})
}

// eachFile visits the files below a folder that may hold no secret by their
// names.
func eachFile(root string, visit func(path string, info fs.FileInfo)) {
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case d.IsDir() && path == filepath.Join(root, canariesFolder):
			return fs.SkipDir
		case !d.Type().IsRegular(), filepath.Ext(path) == ".env", d.Name() == "okta.yaml":
			return nil
		}
		if info, err := d.Info(); err == nil {
			visit(path, info)
		}
		return nil
	})
}

// isOrg reports whether a file is an org of the sandbox, which has all that an
// org has.
func isOrg(data []byte) bool {
	var org struct {
		Apps []json.RawMessage `json:"apps"`
		IdPs []json.RawMessage `json:"idps"`
	}
	return bytes.HasPrefix(data, []byte("{")) && json.Unmarshal(data, &org) == nil && len(org.Apps)+len(org.IdPs) > 0
}

// leak shows a secret on purpose, as REKEY_TEST_LEAK says: its kind, a form, and
// where.
func leak(w *oversight) {
	kind, rest, _ := strings.Cut(os.Getenv("REKEY_TEST_LEAK"), ", ")
	form, where, _ := strings.Cut(rest, ", ")
	for _, c := range w.known {
		if c.Kind != kind {
			continue
		}
		for _, n := range c.forms() {
			if n.form != form || len(n.text) < shortest {
				continue
			}
			switch where {
			case "stdout":
				w.stdout.Write(n.text)
			case "stderr":
				w.stderr.Write(n.text)
			default:
				appendFile(where, n.text)
			}
			return
		}
	}
}

// canariesFolder is where a script's canaries are, in its folder.
const canariesFolder = ".canaries"

// watchScript has the processes of a script watched, and at its end looks
// through what those left that had no time to: of one that was killed the
// journal and the output.
func watchScript(env *testscript.Env) error {
	dir := filepath.Join(env.WorkDir, canariesFolder)
	env.Setenv(canariesEnv, dir)
	env.Defer(func() {
		f := newFinder(knownIn(dir))
		var found []string
		if told, err := os.ReadFile(filepath.Join(dir, "leaks")); err == nil {
			found = append(found, string(told))
		}
		eachWritten(env.WorkDir, nil, func(name string, data []byte) {
			ext := filepath.Ext(name)
			if what := f.find(data); what != "" && (strings.HasPrefix(name, "state/") || ext == ".out" || ext == ".err") {
				found = append(found, name+" holds "+what)
			}
		})
		if len(found) > 0 {
			env.T().Fatal("a secret was shown:\n" + strings.Join(found, "\n"))
		}
	})
	return os.MkdirAll(dir, 0o755)
}

// leaked KIND, FORM, WHERE: has rekey show a secret on purpose, which must be
// found.
func cmdLeaked(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv("REKEY_TEST_LEAK", strings.Join(args, ", "))
	err := ts.Exec("rekey", "runs")
	ts.Setenv("REKEY_TEST_LEAK", "")
	leaks := filepath.Join(ts.Getenv(canariesEnv), "leaks")
	told, _ := os.ReadFile(leaks)
	if want := fmt.Sprintf("%s holds the %s, %s", args[2], args[0], args[1]); err == nil || !strings.Contains(string(told), want) {
		ts.Fatalf("what was leaked was not found: %v, %q", err, told)
	}
	ts.Check(os.Remove(leaks))
	if strings.Contains(args[2], "/") {
		ts.Check(os.Remove(ts.MkAbs(args[2])))
	}
}

// faces VERB args…: runs a verb in each of its formats, as it names them itself,
// in full if it knows that, and with its events if it has any.
func cmdFaces(ts *testscript.TestScript, _ bool, args []string) {
	run := func(more ...string) int {
		var exited *exec.ExitError
		if err := ts.Exec("rekey", slices.Concat(args, more)...); errors.As(err, &exited) {
			return exited.ExitCode()
		} else if err != nil {
			ts.Fatalf("%v", err)
		}
		return exitOK
	}
	sound := func(more ...string) {
		if code := run(more...); code > exitBusy {
			ts.Fatalf("%v: exit code %d", more, code)
		}
	}
	cmd, _, err := newApp().command().Find(args[:1])
	ts.Check(err)
	var more []string
	if cmd.Flags().Lookup("events") != nil {
		more = []string{"--events", "events-" + args[0] + ".jsonl"}
	}
	if cmd.Flags().Lookup("verbose") != nil {
		more = append(more, "-v")
	}
	if cmd.Flags().Lookup("format") == nil || len(more) > 0 {
		sound(more...)
	}
	if cmd.Flags().Lookup("format") == nil {
		return
	}
	code := run("--format", "no-such-format")
	_, list, ok := strings.Cut(ts.ReadFile("stderr"), "it is one of ")
	if code != exitUsage || !ok {
		ts.Fatalf("a format that does not exist: exit code %d", code)
	}
	for _, format := range strings.Split(strings.TrimSpace(list), ", ") {
		sound("--format", format)
	}
}

// Each verb is among those of the script canary, in all its faces: a new one has
// to be added there.
func TestCanarySeesEveryVerb(t *testing.T) {
	text, err := os.ReadFile("../../testdata/script/canary.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range newApp().command().Commands() {
		if name := cmd.Name(); name != "sandbox" && name != "help" && !bytes.Contains(text, []byte("\nfaces "+name)) {
			t.Errorf("the script has no line `faces %s …`", name)
		}
	}
}
