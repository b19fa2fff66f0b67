package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
)

const claimApp = "0oa8ae1t5yev2ajDs0h7"

// crowded is an org on which several processes are at work, each known by its
// token.
type crowded struct {
	t      *testing.T
	rekey  string
	dir    string
	url    string
	mu     sync.Mutex
	writes []string // who wrote, by the token
}

func newCrowded(t *testing.T, rekey string) *crowded {
	t.Helper()
	org, err := sandbox.DefaultOrg(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := &crowded{t: t, rekey: rekey, dir: t.TempDir()}
	inner := sandbox.New(org, sandbox.Options{Keys: &sandbox.Pool{}, Latency: 5 * time.Millisecond})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			c.mu.Lock()
			c.writes = append(c.writes, strings.TrimPrefix(r.Header.Get("Authorization"), "SSWS "))
			c.mu.Unlock()
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// process runs the command as one of the processes.
func (c *crowded) process(name string, args ...string) (code int, out string) {
	cmd := exec.Command(c.rekey, args...)
	var b bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, &b, &b
	cmd.Env = surroundings(c.dir, "REKEY_STATE_DIR="+filepath.Join(c.dir, "state"), "OKTA_CLIENT_ORGURL="+c.url, "OKTA_CLIENT_TOKEN="+name)
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		return -1, err.Error()
	}
	return cmd.ProcessState.ExitCode(), b.String()
}

// together runs many processes at a time and returns how often each exit code
// came.
func (c *crowded) together(many int, args func(i int) []string) map[int]int {
	c.t.Helper()
	codes := map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			code, out := c.process(fmt.Sprintf("process-%d", i), args(i)...)
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
			refused := strings.Contains(out, "is claimed by run ") && strings.Contains(out, "hint: wait until it ends")
			if code != exitOK && !(code == exitBusy && refused) {
				c.t.Errorf("exit code %d:\n%s", code, out)
			}
		})
	}
	all.Wait()
	return codes
}

// spans checks that the writes of each process stand together, so many of
// each, and returns how many processes wrote.
func (c *crowded) spans(each int) int {
	c.t.Helper()
	blocks := slices.Compact(slices.Clone(c.writes))
	seen := map[string]bool{}
	for _, who := range blocks {
		if seen[who] {
			c.t.Errorf("the writes of %s and others interleave: %v", who, c.writes)
		}
		seen[who] = true
	}
	if len(c.writes) != each*len(blocks) {
		c.t.Errorf("%d writes of %d processes: %v", len(c.writes), len(blocks), c.writes)
	}
	return len(blocks)
}

// Processes that want the same owner at the same moment write one after the
// other, or are refused.
func TestProcessesOnOneOwner(t *testing.T) {
	t.Parallel()
	rekey := build(t, "example.com/rekey/cmd/rekey")
	rotate := func(flags ...string) func(int) []string {
		return func(i int) []string {
			return append([]string{"run", "rotate-app-key", "--yes", "-i", "app=" + claimApp, "-i", "activate=true", "-i", fmt.Sprint("out=out", i)}, flags...)
		}
	}
	t.Run("who waits gets it", func(t *testing.T) {
		c := newCrowded(t, rekey)
		const many = 5
		if codes := c.together(many, rotate("--lock-timeout", "5m")); codes[exitOK] != many {
			t.Errorf("exit codes %v", codes)
		}
		if n := c.spans(2); n != many {
			t.Errorf("%d processes wrote", n)
		}
	})
	t.Run("who does not is refused", func(t *testing.T) {
		c := newCrowded(t, rekey)
		codes := c.together(5, rotate())
		if n := c.spans(2); codes[exitOK] == 0 || n != codes[exitOK] {
			t.Errorf("exit codes %v, %d processes wrote", codes, n)
		}
		claims, err := (&runner.Local{Dir: filepath.Join(c.dir, "state")}).ReadClaims()
		if err != nil || len(claims) != 0 {
			t.Errorf("what is still claimed: %v, %v", claims, err)
		}
	})
	t.Run("other owners", func(t *testing.T) {
		c := newCrowded(t, rekey)
		idp := []string{"run", "rotate-idp-key", "--yes", "-i", "idp=0oa62bfdjnK55Z5x80h7", "-i", "out=outi"}
		codes := c.together(2, func(i int) []string {
			if i == 0 {
				return idp
			}
			return rotate()(i)
		})
		if codes[exitOK] != 2 {
			t.Errorf("exit codes %v", codes)
		}
	})
}
