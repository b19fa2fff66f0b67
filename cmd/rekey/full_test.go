package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
)

// limited is an org behind a server, and the real command in another process
// that the system lets write files up to some size only.
type limited struct {
	t     *testing.T
	dir   string // of the state and all that is written
	url   string
	args  []string
	start *sandbox.Org // as it is before each run

	mu     sync.Mutex
	org    *sandbox.Org
	served http.Handler
	writes []string
}

// limitedPlaybook has a journal that grows beyond the plan before anything is
// written, so that the room may end there too.
const limitedPlaybook = `rekey: 1
playbook: rotate
version: 1.0.0
inputs:
  app: {type: string}
steps:
  - id: first
    list_keys: {app: $<inputs.app>}
    assert: $<len(steps.first.keys) > 0>
  - id: second
    list_keys: {app: $<inputs.app>}
    assert: $<len(steps.second.keys) > 0>
  - id: generate
    generate_key: {app: $<inputs.app>, validity_years: 2}
  - id: activate
    update_app_kid: {app: $<inputs.app>, kid: $<steps.generate.kid>}
outputs:
  kid: $<steps.activate.kid>
`

func newLimited(t *testing.T) *limited {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("sh is missing")
		}
		t.Skip("sh is missing: it sets the limit")
	}
	org, err := lostOrg()
	if err != nil {
		t.Fatal(err)
	}
	l := &limited{t: t, dir: t.TempDir(), start: org}
	server := httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(server.Close)
	l.url = server.URL
	playbook := filepath.Join(l.dir, "rotate.yaml")
	if err := os.WriteFile(playbook, []byte(limitedPlaybook), 0o600); err != nil {
		t.Fatal(err)
	}
	l.args = []string{"run", playbook, "--yes", "-i", "app=" + lostApp.ID}
	return l
}

func (l *limited) serve(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	served := l.served
	if r.Method != http.MethodGet {
		l.writes = append(l.writes, r.Method)
	}
	l.mu.Unlock()
	served.ServeHTTP(w, r)
}

// reset makes the org what it was before each run, or another.
func (l *limited) reset(to *sandbox.Org) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.org, l.writes = to.Clone(), nil
	l.served = sandbox.New(l.org, sandbox.Options{Now: func() time.Time { return lostStart }, Keys: &sandbox.Pool{}})
}

func (l *limited) sent() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.writes)
}

func (l *limited) env() []string {
	return surroundings(l.dir, "USER=ada", "REKEY_STATE_DIR="+filepath.Join(l.dir, "state"), "REKEY_TEST_NOW="+lostStart.Format(time.RFC3339),
		okta.SettingOrgURL+"="+l.url, okta.SettingToken+"=token", "GORACE=atexit_sleep_ms=1")
}

// rekey runs the command; blocks is how large a file may get, in units of 512
// bytes (POSIX, ulimit), and below 0 there is no limit.
func (l *limited) rekey(blocks int, args ...string) ended {
	l.t.Helper()
	script := `exec rekey "$@"`
	if blocks >= 0 {
		script = fmt.Sprintf("ulimit -f %d && exec rekey \"$@\"", blocks)
	}
	cmd := exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.Dir = l.dir
	cmd.Env = l.env()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		l.t.Fatal(err)
	}
	return ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// restore puts the state folder back.
func (l *limited) restore(files map[string]string) {
	l.t.Helper()
	for _, name := range []string{"state", "out"} {
		if err := os.RemoveAll(filepath.Join(l.dir, name)); err != nil {
			l.t.Fatal(err)
		}
	}
	for path, content := range files {
		path = filepath.Join(l.dir, "state", path)
		var err error
		if mode, text, _ := strings.Cut(content, "\n"); mode[0] == 'd' {
			err = os.MkdirAll(path, 0o700)
		} else if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
}

// has fails the test unless the app has so many keys more than before, and
// nothing else is different but, if switched, which of them it signs with.
func (l *limited) has(what string, keys int, switched bool, e ended) {
	l.t.Helper()
	before, after := dumpOf(l.t, l.start), dumpOf(l.t, l.org)
	allow := []allowance{{owner: lostApp.String(), least: keys, most: keys, switched: switched}}
	if found := append(compare("app/", before.Apps, after.Apps, allow), compare("idp/", before.IdPs, after.IdPs, nil)...); len(found) > 0 {
		l.t.Errorf("%s:\n%s\n%s%s", what, strings.Join(found, "\n"), e.stdout, e.stderr)
	}
}

// TestLongFileSizeLimit runs a playbook with the real command while no file may
// get larger than so much, from nothing to enough, without -long in larger
// steps: as on a full disk the run
// stops at the event that has no room. What it says of the org is so, and
// without the limit it can be gone on with as if nothing had happened, or be
// undone. Under the same limit neither does harm, and a
// second key is never made.
func TestLongFileSizeLimit(t *testing.T) {
	t.Parallel()
	l := newLimited(t)
	seen := map[string]int{}
	step := 5
	if *long {
		step = 1
	}
	for blocks, room := 0, false; !room; blocks += step {
		if blocks > 100 {
			t.Fatal("a run takes files larger than 50 KiB")
		}
		l.restore(nil)
		l.reset(l.start)
		e := l.rekey(blocks, l.args...)
		what := fmt.Sprintf("files up to %d bytes", blocks*512)
		writes := l.sent()
		state := tree(t, filepath.Join(l.dir, "state"))
		local := &runner.Local{Dir: filepath.Join(l.dir, "state")}
		ids, err := local.IDs()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(e.stderr, "goroutine ") || e.code != exitOK && (!strings.Contains(e.stderr, "file too large") || !strings.Contains(e.stderr, "rekey: hint: ")) {
			t.Fatalf("%s: exit code %d\n%s%s", what, e.code, e.stdout, e.stderr)
		}
		for path := range state {
			if strings.HasSuffix(path, ".tmp") || strings.HasSuffix(path, ".pid") {
				t.Errorf("%s: %s is left", what, path)
			}
		}
		switch {
		case e.code == exitOK:
			l.has(what, 1, true, e)
			seen["done"]++
			room = true
		case e.code == exitFailed && len(ids) == 0:
			seen["not begun"]++
			l.has(what, 0, false, e)
			if len(writes) > 0 {
				t.Errorf("%s: %q were sent by a run that never began", what, writes)
			}
		case e.code == exitFailed || e.code == exitStopped:
			seen[fmt.Sprint("exit ", e.code)]++
			if (len(writes) > 0) != (e.code == exitStopped) || len(ids) != 1 {
				t.Fatalf("%s: exit code %d after %q, runs %q\n%s", what, e.code, writes, ids, e.stderr)
			}
			l.goOn(what, blocks, ids[0], state)
		default:
			t.Fatalf("%s: exit code %d\n%s%s", what, e.code, e.stdout, e.stderr)
		}
	}
	t.Logf("%v", seen)
	if seen["not begun"] == 0 || seen["exit 1"] == 0 || seen["exit 4"] < 2 {
		t.Errorf("the limits did not strike everywhere: %v", seen)
	}
}

// goOn takes a run up that had no room: under the limit, which stops it again,
// and without it.
func (l *limited) goOn(what string, blocks int, id string, state map[string]string) {
	l.t.Helper()
	org, sent := l.org.Clone(), l.sent()
	if e := l.rekey(-1, "show", id, "--verify"); e.code != exitOK {
		l.t.Errorf("%s: verify: exit code %d\n%s", what, e.code, e.stderr)
	}
	for _, verb := range []string{"resume", "rollback"} {
		l.restore(state)
		l.reset(org)
		for _, limit := range []int{0, 1, blocks} { // for the claim there is room in one
			e := l.rekey(limit, verb, id, "--yes")
			if e.code == exitOK && limit > 0 {
				break // a torn line was set aside: that made the room
			}
			stopped := e.code == exitStopped || e.code == exitFailed && len(sent) == 0
			if !stopped || !strings.Contains(e.stderr, "file too large") {
				l.t.Errorf("%s: %s under a limit of %d: exit code %d after %q\n%s%s", what, verb, limit, e.code, sent, e.stdout, e.stderr)
			}
		}
		e := l.rekey(-1, verb, id, "--yes")
		if ended := strings.Contains(e.stderr, "has ended (done)"); e.code != exitOK && !ended {
			l.t.Errorf("%s: %s: exit code %d\n%s%s", what, verb, e.code, e.stdout, e.stderr)
		}
		keys := 1
		if verb == "rollback" && !slices.Contains(sent, http.MethodPost) {
			keys = 0
		}
		l.has(what+", "+verb, keys, verb == "resume", e)
		if all := append(slices.Clone(sent), l.sent()...); verb == "resume" && strings.Join(all, " ") != "POST PUT" {
			l.t.Errorf("%s: resumed, it wrote %q in all", what, all)
		}
	}
}

// fullDisk runs rekey while its state folder is on a file system of its own that
// has so many pages left, and then again once it has room.
const fullDisk = `
set -e
mount -t tmpfs -o size=2m,mode=700 tmpfs state
pages=$1
shift
head -c $((2 * 1024 * 1024)) /dev/zero > state/filler 2> filler.err || true
truncate -s -$((pages * 4096)) state/filler
set +e
rekey "$@" > run.out 2> run.err
echo run $?
id=$(ls state/runs 2> /dev/null)
echo id $id
test -z "$id" || {
	rekey show $id --verify > verify.out 2> verify.err
	echo verify $?
}
rm state/filler
test -z "$id" || {
	rekey $VERB $id --yes > again.out 2> again.err
	echo again $?
}
ls -A state/claims state/runs 2> /dev/null | tr '\n' ' '
`

// TestLongFullDisk is the same on a file system that is full, where those that
// run the tests may make one.
func TestLongFullDisk(t *testing.T) {
	l := newLimited(t)
	if out, err := exec.Command("unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs "+l.dir).CombinedOutput(); err != nil {
		t.Skipf("no file system can be made here: %v: %s", err, out)
	}
	step := 3
	if *long {
		step = 1
	}
	seen := map[string]int{}
	for pages, room := 0, false; !room; pages += step {
		for _, verb := range []string{"resume", "rollback"} {
			if pages > 30 {
				t.Fatal("a run takes more than 120 KiB")
			}
			l.restore(nil)
			if err := os.Mkdir(filepath.Join(l.dir, "state"), 0o700); err != nil {
				t.Fatal(err)
			}
			l.reset(l.start)
			cmd := exec.Command("unshare", append([]string{"-rm", "sh", "-c", fullDisk, "sh", fmt.Sprint(pages)}, l.args...)...)
			cmd.Dir, cmd.Env = l.dir, append(l.env(), "VERB="+verb)
			text, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			said := func(name string) string { data, _ := os.ReadFile(filepath.Join(l.dir, name)); return string(data) }
			what := fmt.Sprintf("with %d pages left, %s: %q", pages, verb, text)
			writes := l.sent()
			out := string(text)
			switch {
			case strings.HasPrefix(out, "run 0\n"):
				seen["done"]++
				room = true
			case !strings.Contains(said("run.err"), "no space left on device") || !strings.Contains(said("run.err"), "rekey: hint: "):
				t.Fatalf("%s\n%s", what, said("run.err"))
			case strings.HasPrefix(out, "run 1\nid\n"):
				seen["not begun"]++
				l.has(what, 0, false, ended{stderr: said("run.err")})
				if len(writes) > 0 || strings.Contains(out, ".json") {
					t.Errorf("%s: %q were sent by a run that never began", what, writes)
				}
			case !strings.Contains(out, "\nverify 0\nagain 0\n"):
				t.Errorf("%s\n%s\n%s", what, said("run.err"), said("again.err"))
			case verb == "resume":
				seen[out[:5]]++
				l.has(what, 1, true, ended{stderr: said("again.err")})
				if strings.Join(writes, " ") != "POST PUT" {
					t.Errorf("%s: it wrote %q in all", what, writes)
				}
			default:
				seen[out[:5]]++
				keys := 0
				if slices.Contains(writes, http.MethodPost) {
					keys = 1
				}
				l.has(what, keys, false, ended{stderr: said("again.err")})
			}
		}
	}
	t.Logf("%v", seen)
	if seen["not begun"] == 0 || seen["run 1"] == 0 || *long && seen["run 4"] == 0 {
		t.Errorf("the disk was not full everywhere: %v", seen)
	}
}
