package view

import (
	"html/template"
	"io"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// RunHTML shows a run as a page for a browser, which is one file, as that of a
// plan is. The report is the run's; rollback is the command that undoes it.
func RunHTML(w io.Writer, run *runner.StoredRun, r *Report, rollback string) error {
	p := &htmlRun{
		ID: r.ID, Playbook: r.Playbook, Version: r.Version, Outcome: r.Outcome, Class: outcomeClass(r.Summary), Why: r.Reason, Loops: slices.Clone(r.Loops), Holds: r.Holds,
		Next:   slices.Clone(r.Next), // the page makes its texts visible
		Inputs: htmlPairs(shownInputs(r.Inputs, r.Secrets, r.NotGiven)), Outputs: htmlPairs(r.Outputs),
	}
	for _, effect := range r.Residues {
		p.Stays = append(p.Stays, residue(effect))
	}
	for i := range r.Certificates {
		p.Certificates = append(p.Certificates, newHTMLCertificate(&r.Certificates[i]))
	}
	p.head(r)
	p.lists(r, rollback)
	p.timeline(r)
	p.Digests = []htmlPair{{"Playbook", r.Digests.Playbook}}
	if r.Digests.Plan != "" {
		p.Digests = append(p.Digests, htmlPair{"Plan", r.Digests.Plan})
	}
	p.Digests = append(p.Digests, htmlPair{"Journal", r.Digests.Journal})
	if run.Plan != nil {
		p.Graph = template.HTML(runGraph(run).inline(func(*graphNode) string { return "" }))
	}
	return writeHTML(w, "run", "Run "+r.ID, p)
}

// htmlRun is what the page of a run shows.
type htmlRun struct {
	ID, Playbook, Version string
	Class, Outcome        string
	Why, Holds            string
	About                 []htmlPair
	Facts                 []htmlFact
	Loops                 []string
	InDoubt               []htmlDoubt
	Next                  []ReportNext
	Failed, NotUndone     []htmlPair
	Adopted               []htmlPair
	Said                  []htmlSaid
	Stays                 []string
	Changes               []htmlRunChange
	Graph                 template.HTML
	Timeline              []htmlMoment
	Requests              []htmlSent
	Certificates          []htmlCertificate
	Inputs, Outputs       []htmlPair
	Digests               []htmlPair
}

// htmlDoubt is a write of which a person must say whether it happened.
type htmlDoubt struct {
	Step, Reason string
	Answers      []ReportNext
}

// htmlSaid is what a person said of a write in doubt; Caution: it is not what
// was there.
type htmlSaid struct {
	Step, Text string
	Caution    bool
}

// htmlRunChange is a value that is not as it was before the run.
type htmlRunChange struct {
	Owner string
	htmlChange
}

// htmlMoment is what a person is told of at a time.
type htmlMoment struct {
	Time, What, Class, Text string
	More                    []string
	Request                 *htmlRequest
}

// htmlSent is a request, and how it was answered.
type htmlSent struct{ Time, Step, Line, Status, Class, ID string }

// stateClass is how the page of a run in a state looks.
func stateClass(s runner.State) string {
	switch s {
	case runner.StateDone:
		return "good"
	case runner.StateFailed, runner.StateRollbackIncomplete:
		return string(graphFailed)
	case runner.StateRolledBack:
		return string(graphIdle)
	case runner.StateRunning:
		return string(graphChange)
	}
	return string(graphNotice)
}

func (p *htmlRun) head(r *Report) {
	p.About = []htmlPair{{"Org", r.Org}, {"Started", clock(r.StartedAt)}}
	if !r.EndedAt.IsZero() {
		p.About = append(p.About, htmlPair{"Ended", clock(r.EndedAt)})
	}
	if r.Who != "" {
		p.About = append(p.About, htmlPair{"By", r.Who})
	}
	for _, who := range r.AlsoBy {
		p.About = append(p.About, htmlPair{"Then by", who})
	}
	p.About = append(p.About, htmlPair{"With", r.Tool}, htmlPair{"On failure", onFailure(r.OnFailure)})
	if len(r.Owners) > 0 {
		p.About = append(p.About, htmlPair{"Owners", someOwners(r.Owners)})
	}
	writes := 0
	for _, e := range r.Timeline {
		if e.Write != nil {
			writes++
		}
	}
	p.Facts = []htmlFact{
		{"Writes", number(writes), "undoing included", ""}, {"Requests", number(len(r.Requests)), "", ""},
		{"Undone", number(len(r.Undone)), "", ""}, {"What stays", number(len(r.Residues)), "", ""},
	}
	if !r.EndedAt.IsZero() {
		p.Facts = slices.Insert(p.Facts, 0, htmlFact{"Took", took(r.EndedAt.Sub(r.StartedAt)), "", ""})
	}
}

// lists are what a person must know, or see to.
func (p *htmlRun) lists(r *Report, rollback string) {
	for _, f := range r.Failures {
		p.Failed = append(p.Failed, htmlPair{f.Item, strings.ReplaceAll(f.Message, f.Item+".", "")})
	}
	for _, f := range r.NotUndone {
		p.NotUndone = append(p.NotUndone, htmlPair{f.Step, f.Message})
	}
	for _, a := range r.Adopted {
		p.Adopted = append(p.Adopted, htmlPair{a.Step, a.ID})
	}
	for _, d := range r.Decisions {
		p.Said = append(p.Said, htmlSaid{d.Step, d.String(), d.Found != ""})
	}
	for _, d := range r.InDoubt {
		doubt := htmlDoubt{Step: d.Step, Reason: d.Reason}
		if rollback != "" {
			doubt.Answers = answers(d, r.Summary, r.Flaws, rollback)
		}
		p.InDoubt = append(p.InDoubt, doubt)
	}
	for _, c := range r.Changes {
		p.Changes = append(p.Changes, htmlRunChange{c.Owner, htmlChange{c.Pointer, Value(c.Before), Value(c.After)}})
	}
}

// timeline retells the run, and lists its requests.
func (p *htmlRun) timeline(r *Report) {
	for _, e := range r.Timeline {
		if len(e.Lines) == 0 {
			continue
		}
		m := htmlMoment{Time: timeOfDay(e.Time), What: e.Lines[0].What, Text: e.Lines[0].Text, Class: momentClass(e.Kind), Request: newHTMLRequest(e.Write)}
		if e.Kind == runner.EvEnded {
			m.Class = stateClass(e.State)
		}
		for _, l := range e.Lines[1:] {
			m.More = append(m.More, strings.TrimSpace(l.What+" "+l.Text))
		}
		p.Timeline = append(p.Timeline, m)
	}
	for _, step := range r.InFlight {
		p.Timeline = append(p.Timeline, htmlMoment{What: inFlight, Class: string(graphNotice), Text: step + ": " + flying(r.State)})
	}
	for _, q := range r.Requests {
		s := htmlSent{Time: timeOfDay(q.Time), Step: q.Step, Line: q.Method + " " + q.Path, Status: q.status(), ID: q.ID}
		switch {
		case q.Status == 0:
			s.Class = string(graphNotice)
		case q.Status >= 400:
			s.Class = string(graphFailed)
		}
		p.Requests = append(p.Requests, s)
	}
}

// momentClass is how an event looks.
func momentClass(k runner.EventKind) string {
	switch k {
	case runner.EvDone:
		return "good"
	case runner.EvFailed, runner.EvUndoFail:
		return string(graphFailed)
	case runner.EvUnknown, runner.EvRecovered, runner.EvRollback, runner.EvKept:
		return string(graphNotice)
	}
	return ""
}

// outcomeClass is how the end of a run looks: one that failed and was undone, as
// one that failed.
func outcomeClass(s runner.Summary) string {
	if s.FailedStep != "" && s.State == runner.StateRolledBack {
		return stateClass(runner.StateFailed)
	}
	return stateClass(s.State)
}

// runGraph is the graph of a run's plan, with what became of each step.
func runGraph(run *runner.StoredRun) *graph {
	g := planGraph(yieldsOf(run).body(&run.Plan.Body))
	g.ran = true
	became := outcomes(run)
	for _, n := range g.nodes {
		tally, ways := became[n.name], 0
		for _, o := range outcomeOrder {
			if tally[o] == 0 {
				continue
			}
			ways++
			text := string(o)
			if len(tally) > 1 || tally[o] > 1 {
				text = number(tally[o]) + " " + text
			}
			n.about = append(n.about, text)
		}
		switch {
		case tally[outcomeFailed]+tally[outcomeLeft] > 0:
			n.kind = graphFailed
		case tally[outcomeDoubt] > 0:
			n.kind = graphNotice
		case ways == 0:
			n.kind, n.about = graphIdle, append(n.about, "not begun")
		}
	}
	return g
}

// outcome is what became of a step.
type outcome string

const (
	outcomeDone    outcome = "done"
	outcomeSkipped outcome = "skipped"
	outcomeUndone  outcome = "undone"
	outcomeKept    outcome = "kept"
	outcomeFailed  outcome = "failed"
	outcomeLeft    outcome = "not undone"
	outcomeDoubt   outcome = "in doubt"
)

var outcomeOrder = [...]outcome{outcomeDone, outcomeSkipped, outcomeUndone, outcomeKept, outcomeFailed, outcomeLeft, outcomeDoubt}

// outcomes counts what became of the steps, by the ids that the playbook gives
// them.
func outcomes(run *runner.StoredRun) map[string]map[outcome]int {
	latest, loops, lost := map[string]outcome{}, map[string]bool{}, map[string]bool{}
	for _, e := range run.Events {
		lost[e.Step] = lost[e.Step] || e.Kind == runner.EvUnknown
		switch {
		case e.Kind == runner.EvItems:
			loops[e.Step] = true
		case e.Step == "" || loops[e.Step] || e.Again != nil:
		case e.Kind == runner.EvCondition && !*e.Value:
			latest[e.Step] = outcomeSkipped
		case e.Kind == runner.EvDone, e.Kind == runner.EvRecovered && e.Verdict.Outcome == runner.Happened:
			latest[e.Step] = outcomeDone
		case e.Kind == runner.EvObserved, e.Kind == runner.EvUnknown, e.Kind == runner.EvRecovered && e.Verdict.Outcome == runner.Ambiguous:
			latest[e.Step] = outcomeDoubt
		case e.Kind == runner.EvRecovered && lost[e.Step]: // its write did not happen, and was not tried again
			latest[e.Step] = outcomeFailed
		case e.Kind == runner.EvRecovered:
			delete(latest, e.Step)
		case e.Kind == runner.EvFailed, e.Kind == runner.EvAssertion && !*e.Value:
			latest[e.Step] = outcomeFailed
		case e.Kind == runner.EvUndone:
			latest[e.Step] = outcomeUndone
		case e.Kind == runner.EvKept:
			latest[e.Step] = outcomeKept
		case e.Kind == runner.EvUndoFail:
			latest[e.Step] = outcomeLeft
		}
	}
	tally := map[string]map[outcome]int{}
	for step, o := range latest {
		id := last(step)
		if id == "" {
			id = last(loopOf(itemAround(step)))
		}
		if tally[id] == nil {
			tally[id] = map[outcome]int{}
		}
		tally[id][o]++
	}
	return tally
}
