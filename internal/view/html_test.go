package view

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"maps"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"example.com/rekey/runner"
)

// TestHTMLPolicy holds the policy against the page: the style that it allows is
// the one that the page has.
func TestHTMLPolicy(t *testing.T) {
	page := planPageOf(t, &runner.Plan{Body: runner.PlanBody{Playbook: "p", Version: "1.0.0", Expected: "0s"}})
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(page)
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(page, -1)
	if policy == nil || len(style) != 1 {
		t.Fatalf("policy %q, %d styles", policy, len(style))
	}
	sum := sha256.Sum256([]byte(style[0][1]))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	if got := html.UnescapeString(policy[1]); got != want {
		t.Errorf("the policy is %s, want %s", got, want)
	}
	for _, no := range []string{"<script", "<link", "style=", "src=", "url(", "@import", "javascript:"} {
		if strings.Contains(page, no) {
			t.Errorf("the page has %q", no)
		}
	}
}

// TestHTMLVisible puts texts that break what does not escape in each place of a
// plan that a page shows.
func TestHTMLVisible(t *testing.T) {
	for _, text := range nasty {
		plan := hostilePlan(text)
		before := plan.Digest()
		page := planPageOf(t, plan)
		if plan.Digest() != before {
			t.Errorf("%q: showing a plan changed it", text)
		}
		for _, r := range page {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("%q: the page holds %U", text, r)
			}
		}
		if n := strings.Count(html.UnescapeString(page), Visible(text)); n < 20 {
			t.Errorf("%q stands on the page %d times", text, n)
		}
		if strings.Contains(page, "<a href='x'>") {
			t.Errorf("%q became markup", text)
		}
	}
}

// TestRunHTMLVisible does so with a run.
func TestRunHTMLVisible(t *testing.T) {
	for _, text := range nasty {
		problem := []ReportProblem{{Step: text, Message: text}}
		report := &Report{Outcome: text, Loops: []string{text}, Who: text, Tool: text, Holds: text, Next: []ReportNext{{Text: text, Command: text}}, NotUndone: problem,
			Adopted: []ReportAdopted{{Step: text, ID: text}}, InDoubt: []runner.Doubt{{Step: text, Reason: text, Candidates: []string{text}}},
			Changes:  []ReportChange{{Owner: text, Pointer: text, Before: text, After: text}},
			Timeline: []ReportEvent{{Lines: []ReportLine{{What: text, Text: text}, {What: text, Text: text}}}},
			Requests: []ReportRequest{{Step: text, Request: runner.Request{Method: text, Path: text, ID: text}}}, InFlight: []string{text}}
		report.Reason, report.ID = text, text
		before := encoded(t, report)
		var b bytes.Buffer
		if err := RunHTML(&b, &runner.StoredRun{}, report, "rekey rollback x"); err != nil {
			t.Fatal(err)
		}
		if encoded(t, report) != before {
			t.Errorf("%q: showing a run changed its report", text)
		}
		for _, r := range b.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("%q: the page holds %U", text, r)
			}
		}
		if n := strings.Count(html.UnescapeString(b.String()), Visible(text)); n < 20 || strings.Contains(b.String(), "<a href='x'>") {
			t.Errorf("%q stands on the page %d times", text, n)
		}
	}
}

// hostilePlan has a text wherever a plan has one.
func hostilePlan(text string) *runner.Plan {
	days := -3
	residue := []runner.Residue{{Owner: text, Kind: text, ID: text, Effect: runner.Added, Note: text}}
	write := &runner.Write{Method: "PUT", Path: apiPath + text, Change: &runner.Change{Pointer: text, From: text, To: []any{text}}}
	values := map[string]any{text: text}
	return &runner.Plan{Header: runner.PlanHeader{Who: text, Tool: text}, Body: runner.PlanBody{
		Playbook: text, Version: text, Org: text, Inputs: values, Secrets: []string{text + "2"}, Outputs: values, Bases: map[string]string{text: text},
		Steps: []runner.PlannedStep{
			{Step: "a" + text, Name: text, Type: text, Action: true, Change: text, Write: write, Notice: text, Caution: text, Claims: []string{text},
				Undo: runner.UndoStays, Residues: residue, Warnings: []string{text}, NotChecked: []string{text}, In: values, Saw: values},
			{Step: "f[k].b" + text, Loop: "f", Item: "k", Type: text, Action: true, Change: text, Write: write, Undo: runner.UndoExact},
		},
		Loops:        []runner.PlannedLoop{{Step: "f", Name: text, As: text, Items: []string{"k", text}, Failures: []runner.ItemFailure{{Item: "f[" + text + "]", Message: text}}}},
		Certificates: []runner.PlannedCertificate{{Owner: text, Role: text, Kid: text, Subject: text, Issuer: text, SHA256: text, SHA1: text, DaysLeft: &days}},
		Rollback:     &runner.PlannedRollback{Steps: []runner.PlannedUndo{{Step: text, Write: write, Residues: residue, Failure: text}}, Residues: residue},
		Access:       &runner.Access{Scopes: []string{text}, Roles: []string{text}, Permissions: []string{text}},
		Calls:        map[string]runner.Bucket{text: {Calls: 1, PerMinute: 1}}, Expected: text, Warnings: []string{text},
		Failure: &runner.PlanFailure{Step: "f", Message: text},
	}}
}

func planPageOf(t *testing.T, plan *runner.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := PlanHTML(&b, plan); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDaysLeft(t *testing.T) {
	for days, want := range map[int]string{
		-1: "expired 1 day ago failed", -30: "expired 30 days ago failed", 0: "0 days left notice", 59: "59 days left notice", 60: "60 days left ",
	} {
		text, class := daysLeft(days)
		if text+" "+class != want {
			t.Errorf("daysLeft(%d) is %q, %q", days, text, class)
		}
	}
}

func BenchmarkPlanHTML(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			plan := fleet(n+10, nil)
			b.ReportAllocs()
			for b.Loop() {
				if err := PlanHTML(io.Discard, plan); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Each step that began counts once in what became of it: one whose write was
// lost and did not happen has failed.
func TestOutcomes(t *testing.T) {
	no := &runner.Verdict{Outcome: runner.Not}
	var events []runner.Timed
	for _, e := range []runner.Event{
		{Kind: runner.EvItems, Step: "f", Keys: []string{"a", "b", "c", "d"}},
		{Kind: runner.EvObserved, Step: "f[a].s"}, {Kind: runner.EvDone, Step: "f[a].s"},
		{Kind: runner.EvObserved, Step: "f[b].s"}, {Kind: runner.EvFailed, Step: "f[b].s"},
		{Kind: runner.EvObserved, Step: "f[c].s"}, {Kind: runner.EvUnknown, Step: "f[c].s"}, {Kind: runner.EvRecovered, Step: "f[c].s", Verdict: no},
		{Kind: runner.EvObserved, Step: "f[d].s"}, // a process that was killed sent nothing
		{Kind: runner.EvOpened}, {Kind: runner.EvRecovered, Step: "f[d].s", Verdict: no},
	} {
		events = append(events, runner.Timed{Event: e})
	}
	got := outcomes(&runner.StoredRun{Events: events})["s"]
	if want := map[outcome]int{outcomeDone: 1, outcomeFailed: 2}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
