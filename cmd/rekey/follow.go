package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

// heartbeat is how long nothing is said of a run, where it cannot be seen, until
// it is said that it goes on.
const heartbeat = 30 * time.Second

// How often a view of a run is drawn anew, with or without news.
const (
	ticking = 250 * time.Millisecond
	rest    = 100 * time.Millisecond // that is left between two, unless there is something to say
)

// tick is a clock's.
func tick() (<-chan time.Time, func()) {
	t := time.NewTicker(ticking)
	return t.C, t.Stop
}

// windowOf is the size of the terminal that a writer is; ok is false if it is
// none.
func windowOf(w io.Writer) (columns, rows int, ok bool) {
	file, isFile := w.(*os.File)
	if !isFile {
		return 0, 0, false
	}
	columns, rows, err := term.GetSize(int(file.Fd()))
	return columns, rows, err == nil
}

const colorHelp = "`when` to use colours: auto (on a terminal, unless NO_COLOR is set), always or never"

// quietFlag lets a verb say less.
func (a *app) quietFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&a.quiet, "quiet", "q", false, "say nothing but results, errors, and what is asked about")
}

// dress makes stderr what it is: a terminal whose long lines are broken at
// blanks, a log of GitHub's, or as it comes. All of it is safe for concurrent
// use.
func (a *app) dress() {
	if a.raw[0] == nil {
		a.raw = [2]io.Writer{a.stdout, a.stderr}
	}
	locked := &lockedWriter{to: a.stderr}
	_, _, terminal := a.window(a.stderr)
	switch {
	case a.onGitHub():
		a.actions, a.stderr = locked, view.Harmless{To: locked}
	case terminal:
		a.screen = a.screenOn(a.stderr)
		a.stderr = a.screen
	default:
		a.stderr = locked
	}
}

func (a *app) screenOn(w io.Writer) *view.Screen {
	return &view.Screen{To: w, Size: func() (int, int, bool) { return a.window(w) }}
}

// text is where results go that are text for people.
func (a *app) text() io.Writer {
	_, _, terminal := a.window(a.stdout)
	switch {
	case a.stdout == a.stderr:
		return a.stdout
	case a.onGitHub():
		return view.Harmless{To: a.stdout}
	case terminal:
		return a.screenOn(a.stdout)
	}
	return a.stdout
}

// faceTo is where a face of anything goes.
func (a *app) faceTo(format string) io.Writer {
	switch format {
	case "text":
		return a.text()
	case "json", "sarif":
		return view.HarmlessJSON{To: a.stdout}
	}
	return a.stdout
}

// live is the terminal on which a run can be drawn while it goes on; nil: there
// is none.
func (a *app) live() *view.Screen {
	if a.quiet || a.events.onStdout() || !a.versatile() {
		return nil
	}
	return a.screen
}

// versatile reports whether the terminal knows more than text.
func (a *app) versatile() bool { return a.getenv("TERM") != "" && a.getenv("TERM") != "dumb" }

// checkColor refuses a --color that is none.
func (a *app) checkColor() error { return oneOf("color", a.color, "auto", "always", "never") }

// colors says whether what goes to stderr has colours. NO_COLOR is that of
// no-color.org: any text but an empty one.
func (a *app) colors() view.Colors {
	switch a.color {
	case "always":
		return true
	case "never":
		return false
	}
	return view.Colors(a.screen != nil && a.getenv("NO_COLOR") == "" && a.versatile())
}

// following is what is seen of a run, or of a plan that is being made, while it
// goes on: lines above lines that are redrawn on a terminal; elsewhere lines, and
// a word now and then where there are none for long.
type following struct {
	app      *app
	progress *view.Progress // nil: what happens is not told, as of a rehearsal
	screen   *view.Screen   // nil: nothing is drawn
	after    func()         // says what is to be said after it
	done     chan struct{}
	ended    sync.WaitGroup

	mu    sync.Mutex
	live  *view.Live
	news  time.Time // when something was last said
	drawn time.Time // when it was last drawn
}

// follow shows what goes on until stop is called. Progress is nil for what is
// no run.
func (a *app) follow(live *view.Live, progress *view.Progress) *following {
	f := &following{app: a, live: live, progress: progress, screen: a.live(), news: a.now(), done: make(chan struct{})}
	a.followed.Store(f)
	ticks, stop := a.ticks()
	continued := make(chan os.Signal, 1)
	if f.screen != nil {
		signal.Notify(continued, syscall.SIGCONT) // a shell was on the screen
	}
	f.ended.Go(func() {
		defer stop()
		defer signal.Stop(continued)
		for {
			select {
			case <-ticks:
				f.tick()
			case <-continued:
				f.screen.Forget()
			case <-f.done:
				return
			}
		}
	})
	return f
}

// stop ends the view and takes away what was drawn.
func (f *following) stop() {
	close(f.done)
	f.ended.Wait()
	f.app.followed.Store(nil)
	if f.screen != nil {
		f.screen.Draw("", nil)
	}
	if f.after != nil {
		f.after()
	}
}

// take takes up an event of the run.
func (f *following) take(e runner.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, text := f.app.now(), ""
	f.live.Take(e, now)
	if f.progress != nil {
		text = f.progress.Tell(e)
		told := f.progress.Told(e)
		f.app.events.tell(told...)
		f.app.annotate(told)
	}
	f.show(text, now)
}

// wait takes up that calls wait for a rate limit.
func (f *following) wait(w okta.Wait) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.app.now()
	what, text, _ := strings.Cut(w.String(), " ")
	still := strings.TrimLeft(text, "0123456789hms") // without how long
	f.live.Wait(strings.TrimLeft(still, ": "), now.Add(w.For))
	f.show(f.app.paint(what, text), now)
}

// interrupted takes up that the run is told to stop.
func (f *following) interrupted() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live.Stop()
	f.drawn = time.Time{}
	f.show("", f.app.now())
}

// show says what there is to say, and draws how the run stands.
func (f *following) show(text string, now time.Time) {
	if text != "" {
		f.news = now
	}
	switch {
	case f.app.quiet:
	case f.screen != nil && text == "" && now.Sub(f.drawn) < rest: // the next tick is soon
	case f.screen != nil:
		f.drawn = now
		f.screen.Draw(text, f.live.Lines(now, f.screen.Rows(), f.app.colors()))
	case text != "":
		io.WriteString(f.app.stderr, text) // a reader that is gone stops no run
	}
}

// tick draws anew, or says that the run goes on if nothing was said for long.
func (f *following) tick() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.app.now()
	f.drawn = time.Time{}
	if now.Sub(f.news) < heartbeat {
		f.show("", now)
		return
	}
	what, text := f.live.Sentence(now)
	f.news = now
	if f.progress != nil {
		f.app.events.tell(view.Told{Event: view.ToldAlive, Seconds: view.InSeconds(f.live.Elapsed(now)), Message: text})
	}
	if f.screen == nil {
		text = f.app.paint(what, text)
	} else {
		text = "" // it is drawn
	}
	f.show(text, now)
}

// paint is a line of a run's progress.
func (a *app) paint(what, text string) string {
	return (&view.Progress{Colors: a.colors()}).Line(what, text)
}

// waits shows that calls wait for a rate limit, with whatever is going on.
func (a *app) waits(w okta.Wait) {
	a.events.tell(view.Told{
		Event: view.ToldWait, Bucket: w.Bucket, Why: string(w.Why), Seconds: view.InSeconds(w.For), Message: w.String(),
	})
	if f := a.followed.Load(); f != nil {
		f.wait(w)
		return
	}
	what, text, _ := strings.Cut(w.String(), " ")
	if !a.quiet {
		fmt.Fprint(a.stderr, a.paint(what, text))
	}
}

// followRun follows a run.
func (a *app) followRun(program *runner.Program, settle time.Duration, told []runner.Timed) *following {
	progress := view.NewProgress(program)
	progress.Colors = a.colors()
	live := view.NewLive(program.Playbook, a.now(), settle)
	// The journal is told anew from its start, so that steps are named by what
	// they did.
	progress.Skip(told)
	for _, e := range told {
		live.Take(e.Event, a.now())
	}
	end := a.group("Steps")
	f := a.follow(live, progress)
	f.after = func() {
		end()
		a.putAnnotations(program)
	}
	return f
}

// followPlan follows a plan that is being made.
func (a *app) followPlan(program *runner.Program) *following {
	live := view.NewLive(program.Playbook, a.now(), 0)
	live.Rehearsal = true
	return a.follow(live, nil)
}

// followWait follows a wait.
func (a *app) followWait(text string, most time.Duration) *following {
	live := view.NewLive(&runner.Playbook{}, a.now(), 0)
	live.Wait(text, a.now().Add(most))
	return a.follow(live, nil)
}

// showPlan shows the plan that is to be carried out.
func (a *app) showPlan(plan *runner.Plan, f *runFlags) error {
	changes := plan.Body.Changes()
	a.events.tell(view.Told{Event: view.ToldPlanned, Plan: plan.Digest(), Playbook: plan.Body.Playbook, Version: plan.Body.Version, Org: plan.Body.Org, Changes: &changes})
	if plan.Body.Failure != nil { // there will be no run to summarize
		a.summarizePlan(plan)
	}
	if a.quiet && f.yes && plan.Body.Failure == nil {
		return nil
	}
	defer a.group("Plan")()
	return f.show(a.stderr, plan)
}
