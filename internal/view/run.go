package view

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// Runs lists runs, a line each.
func Runs(w io.Writer, runs []runner.Summary) error {
	var p page
	rows := [][]string{{"ID", "PLAYBOOK", "STATE", "STARTED", "ORG", "OWNERS"}}
	for _, s := range runs {
		rows = append(rows, []string{Visible(s.ID), Visible(s.Playbook + " " + s.Version), stateWords(s),
			clock(s.StartedAt), Visible(strings.TrimPrefix(s.Org, "https://")), someOwners(s.Owners)})
	}
	p.table("", rows)
	return p.to(w)
}

// stateWords is a run's state in a list: that of one which failed says so.
func stateWords(s runner.Summary) string {
	switch s.State {
	case runner.StateRolledBack, runner.StateRollbackIncomplete:
		if s.FailedStep != "" {
			return "failed, " + s.State.String()
		}
	}
	return s.State.String()
}

// someOwners are the first few owners of a run.
func someOwners(owners []string) string {
	const most = 3
	owners = slices.Sorted(slices.Values(owners))
	if len(owners) <= most+1 {
		return Visible(strings.Join(owners, ", "))
	}
	return Visible(fmt.Sprintf("%s … (%s in all)", strings.Join(owners[:most], ", "), number(len(owners))))
}

// Result says how a run ended: its state, what it yielded, what it changed,
// why it failed, what stays, and what can be done next. Of what is many it
// shows the beginning: Show has all. Rollback is the command that undoes it.
func Result(w io.Writer, run *runner.StoredRun, rollback string) error {
	s := run.Summary()
	p := &runPage{run: run, summary: s, most: 20, show: commandLine("show", s, rollback) + " -v"}
	p.line(fmt.Sprintf("Run %s: %s", Visible(s.ID), sentence(run, s)))
	if why := p.why(); why != "" {
		p.wrapped("  why  ", why)
	}
	for _, text := range p.soFar() {
		p.wrapped("  loop ", text)
	}
	p.failures()
	if p.stands() {
		p.changes()
	}
	if well(s.State) {
		p.outputs()
	}
	p.adopted()
	p.saidOtherwise()
	p.notUndone()
	p.stays()
	p.unclear(rollback)
	p.next(rollback)
	return p.to(w)
}

// Show shows one run. Of a long one the items of loops that went alike are told
// as one, and of lists the beginning: ShowAll has all.
func Show(w io.Writer, run *runner.StoredRun, program *runner.Program, rollback string) error {
	events := timeline(run, program)
	p := &runPage{run: run, summary: run.Summary(), most: math.MaxInt, fold: newRunFold(run, events)}
	if p.fold != nil {
		p.most, p.show = someShown, commandLine("show", p.summary, rollback)+" -v"
	}
	return p.story(w, events, program, rollback)
}

// ShowAll shows one run in full.
func ShowAll(w io.Writer, run *runner.StoredRun, program *runner.Program, rollback string) error {
	p := &runPage{run: run, summary: run.Summary(), most: math.MaxInt}
	return p.story(w, timeline(run, program), program, rollback)
}

// someShown is how much of what is many is shown of a long run.
const someShown = 10

// story shows a run of which the events were told.
func (p *runPage) story(w io.Writer, events []ReportEvent, program *runner.Program, rollback string) error {
	p.header()
	p.timeline(events)
	if why := p.why(); why != "" {
		p.line("\nWhy")
		p.wrapped("  ", why)
	}
	p.failures()
	if p.stands() {
		p.changes()
	}
	p.certificates(program)
	p.requests()
	p.outputs()
	p.adopted()
	p.said()
	p.notUndone()
	p.stays()
	p.unclear(rollback)
	p.next(rollback)
	return p.to(w)
}

type runPage struct {
	page
	run     *runner.StoredRun
	summary runner.Summary
	most    int      // lines of what may be many
	show    string   // the command that shows all
	fold    *runFold // nil: all is told
}

// why is why the run failed, without the items: they have a list of their own.
// It is empty where the state says all.
func (p *runPage) why() string {
	if s := p.summary; s.State == runner.StateDone || s.Reason == string(s.State) {
		return ""
	}
	return withoutItems(p.summary)
}

// commandLine is a command about a run, made of the one that undoes it: both
// name the state folder, if need be.
func commandLine(verb string, s runner.Summary, rollback string) string {
	if rest, ok := strings.CutPrefix(rollback, "rekey rollback "); ok {
		return "rekey " + verb + " " + rest
	}
	return "rekey " + verb + " " + Visible(s.ID)
}

// well reports whether a run came to its end.
func well(state runner.State) bool {
	return state == runner.StateDone || state == runner.StateDoneWithFailures
}

// stands reports whether anything that the run changed may be as it left it.
func (p *runPage) stands() bool { return well(p.summary.State) || p.run.Remains() }

// rolled reports whether a rollback of the run began.
func (p *runPage) rolled() bool { return rolled(p.run, p.summary) }

func rolled(run *runner.StoredRun, s runner.Summary) bool {
	return s.State == runner.StateRolledBack || slices.ContainsFunc(run.Events, func(e runner.Timed) bool { return e.Kind == runner.EvRollback && e.Step == "" })
}

func (p *runPage) header() {
	info, s := p.run.Info(), p.summary
	p.printf("Run %s\n\n", Visible(s.ID))
	p.wrapped("  state       ", sentence(p.run, s))
	for _, text := range p.soFar() {
		p.wrapped("  loop        ", text)
	}
	p.line("  playbook    " + Visible(s.Playbook+" "+s.Version))
	p.line("  org         " + Visible(s.Org))
	if len(s.Owners) > 0 {
		p.wrapped("  owners      ", someOwners(s.Owners))
	}
	p.line("  started     " + clock(s.StartedAt))
	if !s.EndedAt.IsZero() {
		p.line(fmt.Sprintf("  ended       %s, after %s", clock(s.EndedAt), took(s.EndedAt.Sub(s.StartedAt))))
	}
	by := info.Tool
	if info.Who != "" {
		by = info.Who + " with " + by
	}
	p.line("  by          " + Visible(by))
	for _, who := range alsoBy(p.run) {
		p.line("              then " + Visible(who))
	}
	p.line("  on failure  " + onFailure(info.OnFailure))
	prefix := "  SHA-256     "
	for _, d := range [][2]string{{"playbook", info.Digest}, {"plan", info.Plan}, {"journal", p.run.Head}} {
		if d[1] != "" {
			p.line(fmt.Sprintf("%s%-8s  %s", prefix, d[0], Visible(d[1])))
			prefix = strings.Repeat(" ", len(prefix))
		}
	}
	if len(info.Inputs)+len(info.Secrets) > 0 {
		p.line("\nInputs")
		inputs := shownInputs(info.Inputs, info.Secrets, info.NotGiven)
		for name, v := range inputs {
			if p.fold != nil {
				inputs[name] = short(v)
			}
		}
		p.pairs("  ", inputs)
	}
}

// timeline retells the run from its journal, each write below its step.
func (p *runPage) timeline(events []ReportEvent) {
	p.line("\nTimeline (UTC)")
	if p.fold != nil {
		p.folded()
		events = nil
	}
	for i, told := range events {
		var lines []line
		for _, l := range told.Lines {
			lines = append(lines, line{l.What, l.Text})
		}
		p.event("  "+timeOfDay(told.Time)+"  ", lines, p.run.Events[i].Event)
	}
	for _, step := range p.run.InFlight() {
		p.event("            ", []line{{inFlight, step + ": " + flying(p.summary.State)}}, runner.Event{})
	}
}

// event retells one event: what happened, its write below it, with the ids that
// the org gave to the tries of it, and then the rest.
func (p *runPage) event(prefix string, lines []line, e runner.Event) {
	for i, l := range lines {
		l.write(&p.page, prefix)
		prefix = strings.Repeat(" ", len(prefix))
		if i > 0 || e.Write == nil {
			continue
		}
		w, text := e.Write, writeLine(e.Write)
		var ids []string
		for _, r := range e.Requests {
			if r.ID != "" && r.Method == w.Method && r.Path == w.Path {
				ids = append(ids, r.ID)
			}
		}
		if len(ids) > 0 {
			text += " [request " + strings.Join(ids, ", ") + "]"
		}
		line{"", text}.write(&p.page, prefix)
	}
}

// writeLine is what is sent, with the value that it changes.
func writeLine(w *runner.Write) string {
	text := requestLine(w)
	if w.Change != nil {
		text += fmt.Sprintf(" (%s from %s to %s)", w.Change.Pointer, Value(w.Change.From), Value(w.Change.To))
	}
	return text
}

// certificates lists those that the run was about.
func (p *runPage) certificates(program *runner.Program) {
	all := certificates(p.run, program)
	if len(all) > 0 {
		p.line("\nCertificates")
	}
	if p.fold != nil {
		p.certificateRows(all)
		return
	}
	for _, c := range all {
		text := c.Owner
		if c.Kid != "" {
			text += ", key " + c.Kid
		}
		p.wrapped(fmt.Sprintf("  %-10s  ", Visible(c.Role)), fmt.Sprintf("%s: from %s to %s%s", text, day(c.NotBefore), day(c.NotAfter), by(&c)))
		p.line("              SHA-256 " + Visible(c.SHA256))
	}
}

// requests lists what the steps sent, with the ids by which the org's log knows
// it.
func (p *runPage) requests() {
	if p.fold != nil {
		p.countRequests()
		return
	}
	for i, r := range requests(p.run) {
		if i == 0 {
			p.line("\nRequests")
		}
		text := fmt.Sprintf("  %s  %s: %s %s: %s", timeOfDay(r.Time), r.Step, r.Method, r.Path, r.status())
		if r.ID != "" {
			text += ", request " + r.ID
		}
		p.line(Visible(text))
	}
}

// next says what can be done with the run.
func (p *runPage) next(rollback string) {
	for i, n := range p.nextSteps(rollback) {
		if i == 0 {
			p.line("")
		}
		if n.Command != "" {
			n.Text += ": "
		}
		p.line(n.Text + n.Command)
	}
}

// nextSteps are what can be done with the run, and with the texts kept with it.
func (p *runPage) nextSteps(rollback string) []ReportNext {
	return possible(p.steps(rollback), p.summary, p.run.Flaws, rollback)
}

// steps are what can be done with a run in its state.
func (p *runPage) steps(rollback string) []ReportNext {
	s := p.summary.State
	if s == runner.StateRolledBack || s == runner.StateRunning || rollback == "" || !p.run.Remains() && !s.Resumable() {
		return nil
	}
	undo := ReportNext{"To undo it", rollback}
	switch {
	case s == runner.StateRollbackIncomplete:
		return append([]ReportNext{
			{"Once the cause is gone, try the rollback again", rollback},
			{"To leave it as it is", commandLine("abandon", p.summary, rollback) + " --because \"why\""},
		}, remedies(p.run, rollback)...)
	case s == runner.StateAbandoned:
		return append([]ReportNext{undo}, remedies(p.run, rollback)...)
	case s == runner.StateDoneWithFailures:
		return []ReportNext{
			{"To try the items that failed once more, run the playbook for them alone.", ""},
			{"To undo the others", rollback},
		}
	case p.rolled():
		return []ReportNext{{"To go on undoing it", rollback}}
	case len(p.run.Unclear()) > 0 && s.Resumable():
		return []ReportNext{{"To undo it, say the same to", rollback}}
	case s.Resumable():
		return []ReportNext{{"To go on with it", commandLine("resume", p.summary, rollback)}, undo}
	}
	return []ReportNext{undo}
}
