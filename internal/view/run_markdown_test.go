package view

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/runner"
)

// runMarkdownOf is a report as Markdown, which must be no longer than a comment
// may be.
func runMarkdownOf(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := RunMarkdown(&b, r, "rekey rollback r1"); err != nil {
		t.Fatal(err)
	}
	if n := chars(b.String()); n > mdLimit {
		t.Errorf("it has %d characters, more than %d", n, mdLimit)
	}
	return b.String()
}

// eventful is the report of a run that has something of everything.
func eventful() *Report {
	run := aRun()
	run.Head = strings.Repeat("e", 64)
	run.Events[7].Requests = []runner.Request{{Method: "POST", Path: "/api/v1/x", Status: 201, ID: "req1"}, {Method: "GET", Path: "/api/v1/x"}}
	r := NewReport(run, nil, "rekey rollback r1")
	r.Holds = "It claims app/0oa1 until it is over."
	r.Loops, r.Failures = []string{"fleet: 1 of 2 items done"}, []runner.ItemFailure{{Item: "fleet[a]", Message: "no"}}
	r.Changes = []ReportChange{{Owner: "app/0oa1", Pointer: "/kid", Before: "a", After: "b"}}
	r.Outputs = map[string]any{"kid": "b"}
	r.Adopted, r.InFlight = []ReportAdopted{{Step: "add", ID: "k1"}}, []string{"add"}
	r.InDoubt = []runner.Doubt{{Step: "add", Candidates: []string{"k1", "k2"}, Reason: "two", Creates: true}}
	r.Certificates = full().Body.Certificates
	return r
}

func TestRunMarkdown(t *testing.T) {
	golden(t, "run.md", func(b *bytes.Buffer) error { return RunMarkdown(b, eventful(), "rekey rollback r1") })
	want := elementsOf(renderMarkdown(t, runMarkdownOf(t, withData(eventful(), "DATUM"))))
	for _, datum := range someData {
		page := renderMarkdown(t, runMarkdownOf(t, withData(eventful(), "DATUM"+datum)))
		if got := elementsOf(page); !slices.Equal(got, want) {
			t.Errorf("with %.100q: the page has other elements:\n%v\nwant\n%v", datum, got, want)
		}
		if m := alive.FindString(ownDates.Replace(page.live)); m != "" {
			t.Errorf("with %.100q: GitHub would make something of %q", datum, m)
		}
	}
}

// TestRunMarkdownOfMany: of a long run the end is told, and what is left out.
func TestRunMarkdownOfMany(t *testing.T) {
	r := eventful()
	for i := range 5000 {
		e := r.Timeline[7]
		e.Lines = []ReportLine{{What: "ok", Text: fmt.Sprintf("add %d", i)}, {Text: "and more"}}
		r.Timeline = append(r.Timeline, e)
		r.Requests = append(r.Requests, r.Requests[0])
		r.Residues = append(r.Residues, r.Residues[0])
	}
	text := runMarkdownOf(t, r)
	page := renderMarkdown(t, text)
	for _, want := range []string{"This page is cut", "lines of the timeline", "5,001 times", "journal " + strings.Repeat("e", 64), "To leave it as it is"} {
		if !strings.Contains(page.text, want) {
			t.Errorf("it does not say %q:\n%.2000s", want, text)
		}
	}
	if strings.Contains(page.text, "all of requests") {
		t.Error("the timeline leaves no room for the requests")
	}
	if open, closed := strings.Count(text, "<details>"), strings.Count(text, "</details>"); open != closed {
		t.Errorf("%d parts open, %d close", open, closed)
	}
}
