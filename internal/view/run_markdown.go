package view

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// RunMarkdown shows a run as one comment, as long as GitHub takes: how it ended
// and what stays on top, then what it did, what it sent, and by what its record
// is known. Its first line is a marker, by which the comment is found again.
// Rollback is the command that undoes the run.
func RunMarkdown(w io.Writer, r *Report, rollback string) error {
	p := &runMarkdown{report: r, rollback: rollback}
	p.all = "`rekey show --format json` and `--format html` have all."
	p.head()
	p.ended()
	p.next()
	p.changes()
	p.timeline()
	p.undone()
	p.requests()
	p.certificates()
	p.values()
	p.digests()
	_, err := io.WriteString(w, p.String())
	return err
}

// someResidues is how many effects that stay are listed one by one.
const someResidues = 40

type runMarkdown struct {
	mdPage
	report   *Report
	rollback string
}

func (p *runMarkdown) head() {
	r := p.report
	var head page
	head.printf("<!-- rekey run: %s -->\n", markerWord(r.ID))
	head.printf("### Run %s of %s %s\n\n", mdName(r.ID), mdName(r.Playbook), mdName(r.Version))
	text := fmt.Sprintf("**%s**", mdText(r.Outcome))
	if alert := alertOf(r); alert != "" {
		text = fmt.Sprintf("> [!%s]\n> %s", alert, text)
	}
	head.printf("%s\n\n", text)
	text = "Org " + mdName(r.Org) + ", started " + clock(r.StartedAt)
	if !r.EndedAt.IsZero() {
		text += fmt.Sprintf(", ended %s, after %s", clock(r.EndedAt), mdText(took(r.EndedAt.Sub(r.StartedAt))))
	}
	if r.Who != "" {
		text += ", by " + mdName(r.Who)
	}
	if r.Tool != "" {
		text += " with " + mdName(r.Tool)
	}
	for _, who := range r.AlsoBy {
		text += ", then by " + mdName(who)
	}
	head.printf("%s. On failure: %s.\n\n", text, onFailure(r.OnFailure))
	if len(r.Owners) > 0 {
		head.printf("Owners: %s\n\n", mdName(someOwners(r.Owners)))
	}
	p.part(rankHead, "", head.String(), "")
}

// alertOf is what kind of note the end of a run deserves: whatever failed, or
// waits for a person, more than what somebody asked for.
func alertOf(r *Report) string {
	switch r.State {
	case runner.StateDone, runner.StateRunning:
		return ""
	case runner.StateStuck, runner.StateFailed, runner.StateRollbackIncomplete:
		return "CAUTION"
	case runner.StateRolledBack:
		if r.FailedStep == "" { // somebody asked for it
			return "NOTE"
		}
		return "CAUTION"
	}
	return "WARNING"
}

// ended says why it ended as it did, and what is left of it.
func (p *runMarkdown) ended() {
	r := p.report
	var why, failed, stays, doubts []string
	if r.Reason != "" {
		why = append(why, mdText(r.Reason))
	}
	for _, text := range r.Loops {
		why = append(why, mdText(text))
	}
	for _, f := range r.Failures {
		failed = append(failed, mdCode(f.Item)+": "+mdText(f.Message))
	}
	for _, residue := range r.Residues {
		stays = append(stays, mdResidue(residue))
	}
	if len(stays) > someResidues {
		stays = nil
		for _, text := range residueKinds(r.Residues) {
			stays = append(stays, mdSentence(text, namesWithBlanks(r.Residues)))
		}
	}
	p.list(rankNotes, "why", "Why", why)
	p.list(rankNotes, "the items that failed", "Failed items", failed)
	for _, d := range r.InDoubt {
		text := mdCode(d.Step) + ": " + mdText(d.Reason)
		for _, a := range answers(d, r.Summary, r.Flaws, p.rollback) {
			text += "\n  - " + mdText(a.Text)
			if a.Command != "" {
				text += ": " + mdCode(a.Command)
			}
		}
		doubts = append(doubts, text)
	}
	p.list(rankNotes, "what is in doubt", "In doubt: a person must say whether it happened", doubts)
	var not, adopted, said []string
	for _, n := range r.NotUndone {
		not = append(not, mdCode(n.Step)+": "+mdText(n.Message))
	}
	p.list(rankNotes, "what was not undone", "Not undone", not)
	p.list(rankNotes, "what stays", "What stays", stays)
	for _, a := range r.Adopted {
		adopted = append(adopted, mdCode(a.Step)+": "+mdCode(a.ID))
	}
	p.list(rankNotes, "what was adopted", "Adopted: found after the answer was lost, and perhaps somebody else's", adopted)
	for _, d := range r.Decisions {
		text := mdCode(d.Step) + ", " + mdText(d.String())
		if d.Found != "" {
			text = "**Caution**: " + text
		}
		said = append(said, text)
	}
	p.list(rankNotes, "what a person said", saidTitle, said)
}

// mdResidue is an effect that stays, in words.
func mdResidue(r runner.Residue) string {
	return mdSentence(residue(r), namesWithBlanks([]runner.Residue{r}))
}

// next says what can be done now.
func (p *runMarkdown) next() {
	var lines []string
	for _, n := range p.report.Next {
		line := mdText(n.Text)
		if n.Command != "" {
			line += ": " + mdCode(n.Command)
		}
		lines = append(lines, line)
	}
	if p.report.Holds != "" {
		lines = append(lines, mdText(p.report.Holds))
	}
	p.list(rankHead, "what can be done", "Next", lines)
}

// changes shows values that are not as they were before.
func (p *runMarkdown) changes() {
	var lines []string
	for _, c := range p.report.Changes {
		lines = append(lines, fmt.Sprintf("%s %s\n  - before %s\n  - after %s", mdCode(c.Owner), mdCode(c.Pointer), mdCode(Value(c.Before)), mdCode(Value(c.After))))
	}
	if len(lines) > manyLines {
		p.folded(rankSteps, "changes", "Changed ("+number(len(lines))+")", lines)
		return
	}
	p.list(rankSteps, "changes", "Changed", lines)
}

// timeline retells the run.
func (p *runMarkdown) timeline() {
	const open = manyLines // that stand there without a click
	var lines []string
	events := p.report.Timeline
	if p.report.fold != nil {
		lines, events = mdFolded(p.report.fold), nil
	}
	for _, e := range events {
		for i, l := range e.Lines {
			line := timeOfDay(e.Time) + " "
			if i > 0 && l.What == "" {
				line = ""
			}
			if l.What != "" {
				line += "**" + mdText(l.What) + "** "
			}
			if l.Text != "" {
				line += mdText(l.Text)
			}
			if i > 0 && l.What == "" {
				lines[len(lines)-1] += "\n  - " + line
				continue
			}
			lines = append(lines, strings.TrimRight(line, " "))
		}
	}
	for _, step := range p.report.InFlight {
		lines = append(lines, "**"+inFlight+"** "+mdCode(step)+": "+flying(p.report.State))
	}
	if len(lines) > open {
		p.folded(rankRequests, "the timeline", "Timeline, in UTC ("+count(len(lines), "line")+")", lines)
		return
	}
	p.list(rankSteps, "the timeline", "Timeline, in UTC", lines)
}

// mdFolded are the rows of a long run, nested.
func mdFolded(f *runFold) (lines []string) {
	rows := f.rows()
	for _, r := range rows {
		depth, text := r.depth, ""
		if r.line.text != "" {
			text = mdText(r.line.text)
		}
		switch {
		case r.group:
			text = "*" + text + "*"
		case r.line.what != "":
			text = strings.TrimRight("**"+mdText(r.line.what)+"** "+text, " ")
		default:
			depth++ // it goes on with the row before
		}
		if !r.time.IsZero() {
			text = timeOfDay(r.time) + " " + text
		}
		if depth == 0 {
			lines = append(lines, text)
			continue
		}
		lines[len(lines)-1] += "\n" + strings.Repeat("  ", depth) + "- " + text
	}
	if keys := f.itemKeys(rows); len(keys) > 0 {
		lines = append(lines, fmt.Sprintf("%s %s, and %s for what differs from item to item", mdCodes(keys), standFor(keys), differs))
	}
	return lines
}

// undone lists what was undone.
func (p *runMarkdown) undone() {
	var lines []string
	for _, u := range p.report.Undone {
		line := timeOfDay(u.Time) + " " + mdCode(u.Step) + ": "
		switch w := u.Write; {
		case u.Kept, w == nil:
			line += mdText(undoWord(u.Kept, w))
		case w.Change != nil:
			line += fmt.Sprintf("%s, %s back to %s", mdCode(requestLine(w)), mdCode(w.Change.Pointer), mdCode(Value(w.Change.To)))
		default:
			line += mdCode(requestLine(w))
		}
		for _, r := range u.Residues {
			if r.Effect != runner.Kept {
				line += "\n  - " + mdResidue(r)
			}
		}
		lines = append(lines, line)
	}
	p.folded(rankUndo, "what was undone", "Undone ("+count(len(lines), "step")+")", lines)
}

// requests lists what was sent, with the org's own ids.
func (p *runMarkdown) requests() {
	var lines []string
	for _, r := range p.report.Requests {
		line := fmt.Sprintf("%s %s %s %s", timeOfDay(r.Time), mdCode(r.Step), mdCode(r.Method+" "+r.Path), r.status())
		if r.ID != "" {
			line += " request " + mdCode(r.ID)
		}
		lines = append(lines, line)
	}
	p.folded(rankRequests, "requests", "Requests, with the org's ids ("+number(len(lines))+")", lines)
}

func (p *runMarkdown) certificates() {
	var lines []string
	for i := range p.report.Certificates {
		lines = append(lines, mdCertificate(&p.report.Certificates[i]))
	}
	p.folded(rankUndo, "certificates", "Certificates ("+number(len(lines))+")", lines)
}

// values are what went into the run, and what it yielded.
func (p *runMarkdown) values() {
	r := p.report
	title := "Outputs"
	if !well(r.State) {
		title += ", before it was undone"
	}
	p.folded(rankInputs, "outputs", title, mdValues(r.Outputs))
	p.folded(rankInputs, "inputs", "Inputs", mdValues(shownInputs(r.Inputs, r.Secrets, r.NotGiven)))
}

// mdValues are names with their values, sorted by name.
func mdValues(values map[string]any) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		lines = append(lines, mdCode(name)+" = "+mdCode(short(values[name])))
	}
	return lines
}

// digests are what the texts are known by that the run began with, and its
// record.
func (p *runMarkdown) digests() {
	d := p.report.Digests
	var texts []string
	for _, one := range []struct{ what, digest string }{{"playbook", d.Playbook}, {"plan", d.Plan}, {"journal", d.Journal}} {
		texts = append(texts, one.what+" "+mdCode(cmp.Or(one.digest, "(none)")))
	}
	p.part(rankHead, "", "SHA-256: "+strings.Join(texts, ", ")+".\n", "")
}
