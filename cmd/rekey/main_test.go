package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"example.com/rekey/internal/sandbox"
)

var (
	update = flag.Bool("update", false, "rewrite the golden parts of the scripts, and testdata/check/*.want")
	long   = flag.Bool("long", false, "run the tests that measure")
)

// TestMain lets the test binary be the program: scripts run the real main as
// the command rekey, with the clock that REKEY_TEST_NOW gives. The product
// knows no such variable.
func TestMain(m *testing.M) {
	testscript.Main(patient{m}, map[string]func(){"rekey": func() {
		a := testApp()
		if os.Getenv("REKEY_TEST_NOW") == "" {
			a.ticks = tick
		}
		os.Exit(overseen(a))
	}})
}

// patient runs the tests with more of them side by side than there are
// processors: scripts wait for servers, most of their time.
type patient struct{ *testing.M }

func (p patient) Run() int {
	flag.Parse()
	if at := flag.Lookup("test.parallel").Value; at.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		at.Set("8")
	}
	heed()
	return p.M.Run()
}

// heed has the programs that tests start heed every signal that these send.
// Where the tests themselves run under nohup, or in the background of a script,
// those programs would ignore some of them as well; a signal that is caught here
// has its usual effect there.
func heed() {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

func testApp() *app {
	a := newApp()
	a.version = "test"
	a.hostname = func() (string, error) { return "host", nil }
	a.keys = &sandbox.Pool{}
	a.ticks = func() (<-chan time.Time, func()) { return nil, func() {} } // no clock of the machine's
	a.timeout = time.Hour                                                 // what is held is answered some time
	if text := os.Getenv("REKEY_TEST_NOW"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			panic(err)
		}
		c := &stillClock{at: at}
		if org := os.Getenv("REKEY_TEST_CLOCK"); org != "" {
			c.with(org)
		}
		a.now, a.sleep = c.now, c.sleep
	}
	return a
}

// stillClock stands still but for sleeps, which it takes for granted.
type stillClock struct {
	mu    sync.Mutex
	at    time.Time
	moved func(to time.Time) // nil: nobody is told
}

// with has the clock be that of a sandbox, known by its URL, which began at the
// same time: it goes on from where that stands, and puts it ahead with each sleep.
func (c *stillClock) with(org string) {
	began := c.at
	tell := func(method, query string) (now struct{ Now time.Time }) {
		request, err := http.NewRequest(method, org+"/_sandbox/clock"+query, nil)
		if err != nil {
			panic(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			panic(err)
		}
		defer answer.Body.Close()
		if err := json.NewDecoder(answer.Body).Decode(&now); err != nil || answer.StatusCode != http.StatusOK {
			panic(fmt.Sprint(answer.Status, err))
		}
		return now
	}
	c.at = tell(http.MethodGet, "").Now
	c.moved = func(to time.Time) { tell(http.MethodPut, "?ahead="+to.Sub(began).String()) }
}

func (c *stillClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *stillClock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	if c.moved != nil {
		c.moved(c.at)
	}
	return ctx.Err()
}

func TestScripts(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil && os.Getenv("CI") == "true" {
		t.Fatal("a script needs openssl, which is missing")
	}
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script", Setup: setup, Cmds: commands, UpdateScripts: *update, RequireUniqueNames: true,
	})
}

// setup gives each script a state folder, a home and a clock of its own, and
// no settings.
func setup(env *testscript.Env) error {
	env.Values[processesKey{}] = &processes{named: map[string]*process{}}
	env.Values[appKey{}] = &scriptedApp{}
	env.Setenv("HOME", env.WorkDir+"/home")
	env.Setenv("USER", "ada")
	env.Setenv("REKEY_STATE_DIR", env.WorkDir+"/state")
	env.Setenv("REKEY_TEST_NOW", "2026-01-15T12:00:00Z")
	env.Setenv("GORACE", "atexit_sleep_ms=1") // a process with the race detector lingers for a second otherwise
	return watchScript(env)
}
