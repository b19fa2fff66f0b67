package view

import (
	"cmp"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// PlanHTML shows a plan as a page for a browser, which is one file: it loads
// nothing, runs nothing, and can be kept or sent as it is. What a reviewer must
// weigh comes first, and then each step with all that is known of it.
func PlanHTML(w io.Writer, plan *runner.Plan) error {
	b := &plan.Body
	p := &planHTML{body: b, tree: newPlanTree(b)}
	p.Playbook, p.Version, p.Offline = b.Playbook, b.Version, b.Offline
	p.head(plan.Header)
	p.summary()
	p.notes()
	p.steps()
	p.certificates()
	p.rollback()
	p.Inputs = htmlPairs(shownInputs(b.Inputs, b.Secrets, b.NotGiven))
	p.Outputs = htmlPairs(b.Outputs)
	p.Buckets, p.Expected, p.Share = htmlBuckets(b.Calls), "about "+expected(b.Expected), fmt.Sprintf("%d%%", b.RateShare)
	p.Limits = whoseLimits(b.Calls)
	p.Access = newHTMLAccess(b.Access)
	p.digests(plan)
	p.legend()
	p.Graph = template.HTML(planGraph(b).inline(p.link))
	return writeHTML(w, "plan", "Plan: "+b.Playbook+" "+b.Version, &p.htmlPlan)
}

// htmlPlan is what the page of a plan shows.
type htmlPlan struct {
	Playbook, Version string
	Offline           bool
	Class             string // how it ends: change, idle or failed
	Verdict           string
	About             []htmlPair
	Facts             []htmlFact
	Failure           string // why the run would fail
	Notes             []htmlNote
	Graph             template.HTML
	Steps             []*htmlRow
	Certificates      []htmlCertificate
	Rollback          *htmlRollback
	Inputs, Outputs   []htmlPair
	Buckets           []htmlBucket
	Expected, Share   string
	Limits            string // whose they are
	Access            *htmlAccess
	Digests, Bases    []htmlPair
	Legend            []htmlPair
}

// htmlFact is one of the few figures that sum a plan up.
type htmlFact struct{ Name, Value, More, Class string }

// htmlNote is something that a reviewer must not miss.
type htmlNote struct{ Class, Kind, Step, Text string }

// planHTML makes a plan's page.
type planHTML struct {
	htmlPlan
	body *runner.PlanBody
	tree *planTree
	ids  map[string]bool // of the steps that have a place on the page
}

func (p *planHTML) head(h runner.PlanHeader) {
	p.About = append(p.About, htmlPair{"Org", p.body.Org}, htmlPair{"Made", clock(h.MadeAt)})
	if h.Who != "" {
		p.About = append(p.About, htmlPair{"By", h.Who})
	}
	if h.Tool != "" {
		p.About = append(p.About, htmlPair{"With", h.Tool})
	}
	if !h.Expires.IsZero() {
		p.About = append(p.About, htmlPair{"Expires", clock(h.Expires)})
	}
	p.About = append(p.About, htmlPair{"On failure", onFailure(p.body.OnFailure)})
}

// summary says in a few figures what the run would come to.
func (p *planHTML) summary() {
	toOrg, here := p.tree.writes()
	stays, exact := 0, 0
	users := htmlFact{"Users notice", "nothing", "", ""}
	for i := range p.body.Steps {
		s := &p.body.Steps[i]
		if s.Write == nil || s.Undone {
			continue
		}
		if s.Undo == runner.UndoExact && len(s.Residues) == 0 && !s.Kept {
			exact++
		} else {
			stays++
		}
		if noticed(s) && users.Class == "" {
			users = htmlFact{"Users notice", cmp.Or(last(s.Step), last(loopOf(itemAround(s.Step)))), p.tree.noticed(), "notice"}
		}
	}
	undo := htmlFact{"Undo", "exact", fmt.Sprintf("%s put back", count(exact, "write")), ""}
	if stays > 0 {
		undo.Value, undo.More = "something stays", fmt.Sprintf("of %s; %s put back", count(stays, "write"), number(exact))
	}
	calls := 0
	for _, b := range p.body.Calls {
		calls += b.Calls
	}
	p.Facts = []htmlFact{
		{"Writes to the org", number(toOrg), "", ""}, {"Writes on this machine", number(here), "", ""}, users, undo,
		{"Requests", number(calls), "about " + expected(p.body.Expected), ""},
	}
	p.Class, p.Verdict = "change", bothWrites(toOrg, here)
	switch f := p.body.Failure; {
	case f != nil:
		p.Class, p.Verdict, p.Failure, p.Facts = "failed", "This run would fail", f.Message, nil
		if p.body.Rollback != nil {
			p.Verdict = "This run could not be undone"
		}
		if f.Step != "" {
			p.Verdict += ", at step " + f.Step
		}
	case toOrg+here == 0:
		p.Class, p.Verdict, p.Facts = "idle", strings.TrimSuffix(p.tree.nothing(), "."), nil
	}
}

// notes draws together what a reviewer must not miss, what users notice first.
func (p *planHTML) notes() {
	add := func(class, kind, step, text string) {
		p.Notes = append(p.Notes, htmlNote{cmp.Or(class, strings.ToLower(strings.ReplaceAll(kind, " ", "-"))), kind, step, text})
	}
	for _, n := range p.tree.notices() {
		add("notice", n.kind, n.about(), n.text)
	}
	if text := p.tree.expired(); text != "" {
		add("failed", "Expired", "", text)
	}
	for _, text := range p.tree.failing() {
		add("failed", "Would fail", "", text)
	}
	classes := map[string]string{"Not undone": "loss"}
	for _, n := range p.tree.cautions() {
		add(classes[n.kind], n.kind, n.about(), n.text)
	}
	for _, text := range p.body.Warnings {
		add("", "Warning", "", text)
	}
}

// link leads from the picture to a step on the page.
func (p *planHTML) link(n *graphNode) string {
	if p.ids[n.name] {
		return "#" + stepAnchor(n.name)
	}
	return ""
}

// stepAnchor is the name of a step's place on a page. Ids are unique in a
// playbook, those in its loops included.
func stepAnchor(id string) string { return "step-" + id }

func (p *planHTML) digests(plan *runner.Plan) {
	p.Digests = []htmlPair{{"Playbook", p.body.Digest}, {"Plan", plan.Digest()}}
	if plan.Header.Seal != "" {
		p.Digests = append(p.Digests, htmlPair{"Seal", plan.Header.Seal})
	}
	bases := make(map[string]any, len(p.body.Bases))
	for part, digest := range p.body.Bases {
		bases[part] = digest
	}
	const most = 60 // of a fleet the JSON has all
	p.Bases = htmlPairs(bases)
	if len(p.Bases) > most {
		rest := len(p.Bases) - most
		p.Bases = append(p.Bases[:most:most], htmlPair{"and " + number(rest) + " more", "--format json has all"})
	}
}

// legend says what stands for something else.
func (p *planHTML) legend() {
	p.Legend = []htmlPair{{someSource, meansOfSource}}
	for _, l := range p.tree.order {
		key := htmlPair{"{" + l.As + "}", "the key of an item"}
		if !slices.Contains(p.Legend, key) {
			p.Legend = append(p.Legend, key)
		}
	}
	if len(p.tree.order) > 0 {
		p.Legend = append(p.Legend, htmlPair{differs, "what differs from item to item"})
	}
}

// htmlAccess is what whoever carries the plan out must be allowed.
type htmlAccess struct{ Scopes, Roles, Permissions string }

func newHTMLAccess(a *runner.Access) *htmlAccess {
	if a == nil || len(a.Scopes) == 0 {
		return nil
	}
	return &htmlAccess{strings.Join(a.Scopes, ", "), strings.Join(a.Roles, " and "), strings.Join(a.Permissions, ", ")}
}
