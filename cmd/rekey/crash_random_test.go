package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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

// randomKills is how often the program is killed at random.
const randomKills = 300

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
	k := &randomKiller{enumeration: newEnumeration(c), base: base, pace: 2} // several at once take longer
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
				after := time.Duration(random.Float64() * k.stretched(took[i], 1))
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

	stretch sync.Mutex
	pace    float64 // the time in which kills come, to that in which a run is over in peace
}

// stretched is that time, by what it took in peace, after the pace has changed:
// kills that come before there is a run, or after it, are to be as many as each
// other, whatever else the machine does meanwhile.
func (k *randomKiller) stretched(took time.Duration, by float64) float64 {
	k.stretch.Lock()
	defer k.stretch.Unlock()
	k.pace *= by
	return float64(took) * k.pace
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
	w := &world{crashes: k.crashes, subject: s, dir: dir, open: map[net.Conn]bool{}, settle: crashSettle}
	env := filepath.Join(dir, "env")
	var stderr bytes.Buffer
	server := exec.Command(k.rekey, "sandbox", "--keys", "pool", "--org", k.base, "--token", crashToken, "--env-file", env, "--log", w.log())
	server.Stderr = &stderr
	if err := server.Start(); err != nil {
		return nil, err
	}
	gone := make(chan error, 1)
	go func() { gone <- server.Wait() }()
	end := func() {
		server.Process.Signal(syscall.SIGTERM)
		<-gone
	}
	w.stop = end
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		text, err := os.ReadFile(env)
		if err != nil {
			continue
		}
		_, url, _ := strings.Cut(string(text), "http://")
		address, _, _ := strings.Cut(url, "\n")
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			w.close()
			return nil, err
		}
		w.stop = func() { listener.Close(); end() }
		w.url = "http://" + listener.Addr().String()
		go w.forward(listener, address)
		return w, w.plan()
	}
	w.close()
	return nil, fmt.Errorf("the sandbox does not get ready: %s", stderr.String())
}

// forward passes connections on to an org in another process. A connection is open
// until the org is done with all that came over it, whoever else is gone.
func (w *world) forward(listener net.Listener, to string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		w.connState(conn, http.StateNew)
		go func() {
			defer w.connState(conn, http.StateClosed)
			defer conn.Close()
			org, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer org.Close()
			go func() {
				io.Copy(org, conn)
				org.(*net.TCPConn).CloseWrite()
			}()
			io.Copy(conn, org)
			io.Copy(io.Discard, org) // for nobody any more
		}()
	}
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
	err = w.kill(after)
	if err == nil {
		err = w.quiet()
	}
	if err != nil {
		return fail(err, "")
	}
	run, err := w.run()
	switch {
	case err != nil:
		return fail(err, "")
	case run == nil:
		k.stretched(0, 1.1)
		return k.startAgain(w, c, fail)
	case run.State == c.full.State:
		k.stretched(0, 1/1.1)
	}
	if c.undo {
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
