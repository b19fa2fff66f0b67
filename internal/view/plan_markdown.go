package view

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// PlanMarkdown shows a plan as one comment for a pull request. Its first line
// is a marker, by which whoever posts it finds the comment to update: it names
// the playbook, the org and a digest of the inputs, so that plans of several
// apps in one pull request are told apart, and the same plan made anew is not.
// What a reviewer must weigh stands on top, one line for each step below, and
// the rest in collapsed parts. It is never longer than GitHub takes.
func PlanMarkdown(w io.Writer, plan *runner.Plan) error {
	body := &plan.Body
	p := &planMarkdown{body: body, tree: newPlanTree(body)}
	p.all = "`rekey plan --format json` and `--format html` have all."
	p.outline = newOutline(p.tree)
	for i := range body.Steps {
		p.names = append(p.names, namesWithBlanks(body.Steps[i].Residues)...)
	}
	slices.Sort(p.names)
	p.names = slices.Compact(p.names)
	p.head(plan.Header)
	p.failure()
	p.notices()
	p.steps()
	p.loose()
	p.graph()
	p.certificates()
	p.requests()
	p.rollback()
	p.inputs()
	p.foot(plan.Header)
	_, err := io.WriteString(w, p.String())
	return err
}

// The ranks of a page's parts: where a page is too long, what is least needed
// for a decision goes first.
const (
	rankHead = iota
	rankNotes
	rankSteps
	rankUndo
	rankRequests
	rankInputs
	rankGraph
)

type planMarkdown struct {
	mdPage
	body    *runner.PlanBody
	tree    *planTree
	outline *outline
	names   []string // of several words
}

// planMarker is the comment by which a plan's comment is found again.
func planMarker(b *runner.PlanBody) string {
	var inputs strings.Builder
	_ = encode(&inputs, b.Inputs, "") // that has no form in JSON: no plan's
	sum := sha256.Sum256([]byte(inputs.String()))
	return fmt.Sprintf("<!-- rekey plan: %s org=%s inputs=%s -->", markerWord(b.Playbook), markerWord(b.Org), hex.EncodeToString(sum[:6]))
}

// markerWord is a text as one word within a comment of HTML, which it cannot
// end.
func markerWord(text string) string {
	var b strings.Builder
	for _, c := range []byte(text[:min(len(text), maxName)]) {
		if asciiWord(rune(c)) || strings.IndexByte("-._:/", c) >= 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func (p *planMarkdown) head(h runner.PlanHeader) {
	b := p.body
	var head page
	head.line(planMarker(b))
	head.printf("### Plan: %s %s\n\n", mdName(b.Playbook), mdName(b.Version))
	if b.Offline {
		head.printf("> [!WARNING]\n> **Offline**: no org was asked. The owners named here were invented, with plausible keys; whether they exist, and what state they are in, is not checked.\n\n")
	}
	made := "Org " + mdName(b.Org) + ", made " + clock(h.MadeAt)
	if h.Who != "" {
		made += " by " + mdName(h.Who)
	}
	if h.Tool != "" {
		made += " with " + mdName(h.Tool)
	}
	head.printf("%s. On failure: %s.\n\n", made, onFailure(b.OnFailure))
	if text := p.summary(); text != "" {
		head.printf("**%s**\n\n", text)
	}
	p.part(rankHead, "", head.String(), "")
}

// summary counts the writes.
func (p *planMarkdown) summary() string {
	org, here := p.tree.writes()
	switch {
	case p.body.Failure != nil:
		return ""
	case org+here == 0:
		return mdText(p.tree.nothing())
	}
	text := bothWrites(org, here) + "."
	if org > 0 && p.tree.noticed() == "" {
		text += " Users notice nothing."
	}
	return text
}

// failure says that the run would fail, and why.
func (p *planMarkdown) failure() {
	f := p.body.Failure
	if f == nil {
		return
	}
	what, at := "The run would fail", ""
	if p.body.Rollback != nil {
		what = "The run could not be undone"
	}
	if f.Step != "" {
		at = " at step " + mdCode(f.Step)
	}
	p.part(rankNotes, "the failure", fmt.Sprintf("> [!CAUTION]\n> **%s%s**: %s\n> Nothing was written.\n\n", what, at, mdText(f.Message)), "")
}

// notices draws together what a reviewer must not miss: first of all what users
// notice, and from when on.
func (p *planMarkdown) notices() {
	notices := p.tree.notices()
	if len(notices) > 0 {
		part := p.part(rankNotes, "what users notice", "> [!WARNING]\n> **Users notice** "+mdText(p.tree.noticed())+":\n>\n", "\n")
		for _, n := range notices {
			part.item("> - %s: %s", mdNote(n), mdText(n.text))
		}
	}
	var lines []string
	for _, text := range p.tree.failing() {
		lines = append(lines, "**Would fail** "+mdText(text))
	}
	if text := p.tree.expired(); text != "" {
		lines = append(lines, "**Expired** "+mdText(text))
	}
	for _, n := range p.tree.cautions() {
		lines = append(lines, fmt.Sprintf("**%s** %s: %s", n.kind, mdNote(n), mdText(n.text)))
	}
	for _, text := range p.body.Warnings {
		lines = append(lines, "**Warning** "+mdText(text))
	}
	p.list(rankNotes, "notes", "", lines)
}

// mdNote is what a note is about.
func mdNote(n planNote) string {
	if n.items == 1 {
		return mdCode(n.step)
	}
	return mdCode(n.step) + " (" + count(n.items, "item") + ")"
}

// steps has a line for each step.
func (p *planMarkdown) steps() {
	if len(p.outline.rows) == 0 {
		return
	}
	part := p.part(rankSteps, "steps", "#### Steps\n\n", "\n")
	number, marker := 0, ""
	for i := range p.outline.rows {
		r := &p.outline.rows[i]
		if r.depth == 0 {
			number++
			marker = fmt.Sprintf("%d. ", number)
			part.item("%s%s", marker, p.row(r))
			continue
		}
		part.item("%s%s- %s", strings.Repeat(" ", len(marker)), strings.Repeat("  ", r.depth-1), p.row(r))
	}
}

// row is a row of the outline in a line.
func (p *planMarkdown) row(r *planRow) string {
	switch r.kind {
	case rowLoop:
		text := "**" + mdCode(r.step) + "**"
		if r.name != "" {
			text += " " + mdText(r.name)
		}
		return text + ": " + mdText(r.text)
	case rowFailed:
		return "`x` **" + mdText(r.text) + "**"
	case rowGroup, rowRest:
		return "*" + strings.TrimRight(mdText(r.text), " ") + "*"
	}
	text := fmt.Sprintf("`%s` **%s** %s", r.mark(), mdCode(r.step), mdCode(r.first.Type))
	if r.name != "" {
		text += " " + mdText(r.name)
	}
	text += ": " + mdText(r.text)
	s := r.first
	if s.Write != nil && s.Notice != "" {
		text += " · **users notice**"
	}
	if s.Write != nil {
		text += " · undo: " + mdText(undoWords(s))
	}
	if tries := tries(s); tries != "" {
		text += " · tries: " + mdText(tries)
	}
	if s.Assertions > 0 {
		text += " · " + count(s.Assertions, "condition") + " held"
	}
	return text
}

// loose is what concerns the run as a whole, in a few lines.
func (p *planMarkdown) loose() {
	part := p.part(rankUndo, "requests and rights", "", "\n")
	if calls := mdCalls(p.body.Calls, p.body.RateShare); calls != "" {
		part.item("**Requests** %s; about %s. %s; the run uses %d%% of each at most.", calls, mdText(expected(p.body.Expected)), whoseLimits(p.body.Calls), p.body.RateShare)
	}
	if a := p.body.Access; a != nil && len(a.Scopes) > 0 {
		text := fmt.Sprintf("**Access** the %s %s", plural(len(a.Scopes), "scope", "scopes"), mdCodes(a.Scopes))
		if len(a.Roles) > 0 {
			text += fmt.Sprintf("; the admin %s %s", plural(len(a.Roles), "role", "roles"), mdCodes(a.Roles))
			if len(a.Permissions) > 0 {
				text += ", or a custom one with " + mdCodes(a.Permissions)
			}
		}
		if p.body.Failure != nil {
			text += "; as far as the run would come"
		}
		part.item("\n%s.", text)
	}
	if len(part.items) == 0 {
		part.tail = ""
	}
}

// mdCalls counts requests by rate-limit bucket.
func mdCalls(calls map[string]runner.Bucket, share int) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		text := fmt.Sprintf("%s of %s (%s", number(calls[name].Calls), mdCode(name), perMinute(calls[name]))
		if wait := calls[name].Wait(share); wait > 0 {
			text += ", so " + mdText(expected(wait.String()))
		}
		texts = append(texts, text+")")
	}
	return strings.Join(texts, ", ")
}

func mdCodes(texts []string) string {
	codes := make([]string, len(texts))
	for i, text := range texts {
		codes[i] = mdCode(text)
	}
	return strings.Join(codes, ", ")
}
