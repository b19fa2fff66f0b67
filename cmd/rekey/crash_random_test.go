package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// How often the program is killed at random, and how long each write is waited
// for afterwards: nobody tells here when the org has come to rest.
const (
	randomKills  = 300
	randomSettle = "2s"
)

// TestLongRandomKills kills the ordinary program at random instants while it
// works on an org in another process, then resumes the run, or rolls it back.
func TestLongRandomKills(t *testing.T) {
	if !*long {
		t.Skip("this takes minutes: run it with -long")
	}
	c := newCrashes(t, "")
	base := filepath.Join(c.dir, "base.json")
	if err := os.WriteFile(base, c.before, 0o600); err != nil {
		t.Fatal(err)
	}
	k := &randomKiller{enumeration: newEnumeration(c), base: base}
	all := slices.DeleteFunc(subjects(), func(s subject) bool { return s.fails != "" })
	full, took := make([]picture, len(all)), make([]time.Duration, len(all))
	for i, s := range all {
		var err error
		if full[i], took[i], err = k.measure(s); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s takes %v", s, took[i].Round(time.Millisecond))
	}
	numbers := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for n := range numbers {
				i := n % len(all)
				random := seeded(t, n)
				after := time.Duration(random.Int64N(2 * int64(took[i]))) // several at once take longer
				if err := k.try(crash{subject: all[i], full: full[i], undo: random.IntN(2) == 1}, after); err != nil {
					k.fault(fmt.Errorf("-seed %d -only %d: %w", *seed, n, err))
				}
			}
		})
	}
	for n := 1; n <= randomKills && !k.enough(); n++ {
		if *only == 0 || *only == n {
			numbers <- n
		}
	}
	close(numbers)
	wg.Wait()
	k.report(t)
	if k.tally["resumed"]+k.tally["rolled back"] < randomKills/4 && *only == 0 && len(k.faults) == 0 {
		t.Errorf("too few kills met a run: %v", k.tally)
	}
}

// randomKiller kills the ordinary program.
type randomKiller struct {
	*enumeration
	base string // file of the org as it is before each case
}

// measure runs a playbook in peace, three times: what it leaves, and how long
// it takes.
func (k *randomKiller) measure(s subject) (full picture, took time.Duration, err error) {
	var all []time.Duration
	for range 3 {
		w, err := k.apart(s)
		if err != nil {
			return full, 0, err
		}
		defer w.close()
		began := time.Now()
		ran, err := w.spawn("", w.start()...)
		all = append(all, time.Since(began))
		if err != nil || ran.code != s.code() {
			return full, 0, fmt.Errorf("%s exits with %d, %v:\n%s", s, ran.code, err, ran.text)
		}
		if full, err = w.picture(); err != nil {
			return full, 0, err
		}
	}
	return full, median(all), nil
}

// apart is a case whose org is served by `rekey sandbox`.
func (k *randomKiller) apart(s subject) (*world, error) {
	dir, err := os.MkdirTemp(k.dir, "case-")
	if err != nil {
		return nil, err
	}
	w := &world{crashes: k.crashes, subject: s, dir: dir, settle: randomSettle}
	env := filepath.Join(dir, "env")
	var stderr bytes.Buffer
	server := exec.Command(k.rekey, "sandbox", "--keys", "pool", "--org", k.base, "--token", crashToken, "--env-file", env, "--log", w.log())
	server.Stderr = &stderr
	if err := server.Start(); err != nil {
		return nil, err
	}
	gone := make(chan error, 1)
	go func() { gone <- server.Wait() }()
	w.stop = func() {
		server.Process.Signal(syscall.SIGTERM)
		<-gone
	}
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		text, err := os.ReadFile(env)
		if err != nil {
			continue
		}
		_, url, _ := strings.Cut(string(text), "=")
		w.url, _, _ = strings.Cut(url, "\n")
		return w, w.plan()
	}
	w.close()
	return nil, fmt.Errorf("the sandbox does not get ready: %s", stderr.String())
}

// log is where the sandbox of another process notes requests.
func (w *world) log() string { return filepath.Join(w.dir, "requests.log") }

// written are the writes that had an effect.
func (w *world) written() (writes []string, err error) {
	if w.server != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Clone(w.writes), nil
	}
	text, err := os.ReadFile(w.log())
	for line := range bytes.Lines(text) {
		var r request
		if json.Unmarshal(line, &r) == nil && r.Method != http.MethodGet && r.Status/100 == 2 {
			writes = append(writes, r.Method+" "+r.Path)
		}
	}
	return writes, err
}

// try starts a run, kills it after so long, and takes it up.
func (k *randomKiller) try(c crash, after time.Duration) error {
	w, err := k.apart(c.subject)
	if err != nil {
		return err
	}
	defer w.close()
	fail := func(err error, text string) error {
		then := "resumed"
		if c.undo {
			then = "rolled back"
		}
		return fmt.Errorf("%s killed after %v, then %s: %w\n%s%s", c.subject, after, then, err, lastOf(text), w.journal())
	}
	if err := w.kill(after); err != nil {
		return fail(err, "")
	}
	run, err := w.run()
	switch {
	case err != nil:
		return fail(err, "")
	case run == nil:
		return k.startAgain(w, c, fail)
	case c.undo:
		return k.rollBack(w, c, fail)
	}
	return k.resume(w, c, run, fail)
}

// kill starts the run and kills it after so long, if it still is there.
func (w *world) kill(after time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.rekey, w.start()...)
	cmd.Dir, cmd.Env = w.dir, w.env()
	if err := cmd.Start(); err != nil {
		return err
	}
	time.Sleep(after)
	err := cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	cmd.Wait() // which it is an error for to be killed
	return err
}
