package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What TestLongPacedProcesses scales Okta's limits to, and how often it tries.
const (
	pacedApps   = 300
	pacedWindow = 3 * time.Second
	pacedShare  = 50 // of the 100 calls of a window below apps
	pacedTries  = 3
)

// TestLongPacedProcesses has two rekeys, on machines of their own, work through
// half of 300 apps each, with half of the limits of one sandbox each: three
// processes in real time. Neither is refused where a header told it so. How much
// of its share each uses is always said, and judged where the machine could do
// several times that and was not held up meanwhile: TestPacedFleet and
// TestPacedSideBySide judge it by a clock of their own. What one process alone is
// held up for nobody sees, so it may take a few tries.
func TestLongPacedProcesses(t *testing.T) {
	if !*long {
		t.Skip("this takes a while: run it with -long")
	}
	rekey := build(t, "example.com/rekey/cmd/rekey")
	for try := 1; ; try++ {
		faults := pacedTwo(t, rekey)
		if len(faults) == 0 {
			return
		}
		if try == pacedTries {
			t.Fatal(strings.Join(faults, "\n"))
		}
		t.Logf("try %d: %s", try, strings.Join(faults, "\n"))
	}
}

// pacedTwo has two rekeys work side by side, and says what was wrong with how.
func pacedTwo(t *testing.T, rekey string) (faults []string) {
	quick := unpaced(t, rekey) < 2*pacedWindow // that is a sixth of the time in which the share allows it
	f := newFleet(t, rekey, pacedApps, "--rate-limit", "org", "--rate-window", pacedWindow.String())
	var both sync.WaitGroup
	var gates [2]*gate
	before, calm := f.dump(), steady(t)
	for i := range gates {
		gates[i] = newGate(t, f.url)
		both.Go(func() { gates[i].run(f, i) })
	}
	both.Wait()
	judged := calm() && quick
	for i, g := range gates {
		faults = append(faults, g.judge(i, judged)...)
	}
	after := f.dump()
	if found := compare("app/", before.Apps, after.Apps, []allowance{{owner: "app/0oaFleet*", least: 1, most: 1}}); len(found) > 0 {
		t.Errorf("%d differences, the first: %s", len(found), found[0])
	}
	return faults
}

// unpaced is how long one of the two takes where there are no limits.
func unpaced(t *testing.T, rekey string) time.Duration {
	f := newFleet(t, rekey, pacedApps)
	began := time.Now()
	newGate(t, f.url).run(f, 0)
	took := time.Since(began)
	t.Logf("without limits one takes %s", took.Round(10*time.Millisecond))
	return took
}

// steady watches the machine, its disk with it. Calm reports whether all of it
// went on meanwhile: a window that nobody could use tells nothing of who is to
// use it.
func steady(t *testing.T) (calm func() bool) {
	const tick, most = 20 * time.Millisecond, 250 * time.Millisecond
	end, worst := make(chan struct{}), make(chan time.Duration)
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		var longest time.Duration
		for last := time.Now(); ; {
			select {
			case <-time.After(tick):
				file.WriteString("more")
				file.Sync()
				longest, last = max(longest, time.Since(last)), time.Now()
			case <-end:
				worst <- longest
				return
			}
		}
	}()
	return func() bool {
		close(end)
		longest := <-worst
		file.Close()
		t.Logf("this process was held up for %s at most", longest.Round(time.Millisecond))
		return longest < most
	}
}

// gate is what one rekey reaches the sandbox through. It keeps, of the calls
// that draw on the bucket apps, what their answers tell of the window in which
// each was counted.
type gate struct {
	t      *testing.T
	server *httptest.Server

	mu        sync.Mutex
	windows   map[int64]int // calls that were served, by the second in which their window ends
	left      int           // of the bucket, as the last answer told
	until     int64         // the end of the window in which that was so
	refused   int
	announced int   // of those refused, where the answers before had told that nothing was left
	began     int64 // the window of the first write: the loop is at work from then on
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, windows: map[int64]int{}, left: 1}
	g.server = httptest.NewServer(g.around(httputil.NewSingleHostReverseProxy(target)))
	t.Cleanup(g.server.Close)
	return g
}

// around notes what passes.
func (g *gate) around(to *httputil.ReverseProxy) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := strings.Split(r.URL.Path, "/"); len(name) < 6 || name[3] != "apps" {
			to.ServeHTTP(w, r)
			return
		}
		g.mu.Lock()
		empty, end := g.left == 0, g.until
		g.mu.Unlock()
		one := *to
		one.ModifyResponse = func(answer *http.Response) error {
			g.passed(answer, empty, end)
			return nil
		}
		one.ServeHTTP(w, r)
	})
}

// passed takes an answer up. Empty and end are what answers had told before its
// request came.
func (g *gate) passed(answer *http.Response, empty bool, end int64) {
	left, _ := strconv.Atoi(answer.Header.Get("X-Rate-Limit-Remaining"))
	until, _ := strconv.ParseInt(answer.Header.Get("X-Rate-Limit-Reset"), 10, 64)
	g.mu.Lock()
	defer g.mu.Unlock()
	if answer.Request.Method == http.MethodPost && g.began == 0 {
		g.began = until
	}
	if until > g.until || until == g.until && left < g.left {
		g.until, g.left = until, left
	}
	switch {
	case answer.StatusCode != http.StatusTooManyRequests:
		g.windows[until]++
	default:
		g.refused++
		if empty && end == until {
			g.announced++
		}
	}
}

// run runs the i-th rekey, which must succeed.
func (g *gate) run(f *fleet, i int) {
	inputs, half := fmt.Sprintf("apps-%d.json", i), pacedApps/2
	f.inputs(inputs, 1+i*half, (i+1)*half)
	playbook := filepath.Join(f.dir, fmt.Sprintf("paced-%d.yaml", i))
	if err := os.WriteFile(playbook, []byte(pacedPlaybook), 0o600); err != nil {
		g.t.Error(err)
		return
	}
	cmd := exec.Command(f.rekey, "run", playbook, "--inputs", inputs, "--yes", "--rate-share", fmt.Sprintf("%d%%", pacedShare))
	cmd.Dir = f.dir
	cmd.Env = append(slices.Clone(f.env), "OKTA_CLIENT_ORGURL="+g.server.URL, "REKEY_STATE_DIR="+filepath.Join(f.dir, fmt.Sprintf("state-%d", i)))
	if text, err := cmd.CombinedOutput(); err != nil {
		g.t.Errorf("rekey %d: %v\n%s", i, err, text[max(0, len(text)-2000):])
	}
}

// judge says how much of its share the loop used, of each window between those
// in which it began and ended, and how many calls were refused; and what of that
// is wrong.
func (g *gate) judge(i int, judged bool) (faults []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.windows) == 0 {
		return []string{fmt.Sprintf("rekey %d sent nothing that counts", i)}
	}
	seconds := int64(pacedWindow / time.Second)
	last := slices.Max(slices.Collect(maps.Keys(g.windows)))
	total, most, windows := 0, 0, int(last-g.began)/int(seconds)-1
	for end := g.began + seconds; end < last; end += seconds {
		total, most = total+g.windows[end], max(most, g.windows[end])
	}
	used := 100 * float64(total) / float64(max(windows, 1)*pacedShare)
	g.t.Logf("rekey %d: %d calls in %d windows of %s, %.1f%% of its share, %d at most in one; %d refused, %d of them announced",
		i, total, windows, pacedWindow, used, most, g.refused, g.announced)
	if g.announced > 0 {
		faults = append(faults, fmt.Sprintf("rekey %d met %d refusals that headers had announced", i, g.announced))
	}
	switch {
	case !judged:
		g.t.Logf("the share of rekey %d is not judged: the machine is busy", i)
	case used < 95 || most > pacedShare || g.refused > 0:
		faults = append(faults, fmt.Sprintf("rekey %d used %.1f%% of its share, %d at most in a window, and was refused %d times", i, used, most, g.refused))
	}
	return faults
}
