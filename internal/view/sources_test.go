package view

import (
	"html"
	"strings"
	"testing"

	"example.com/rekey/runner"
)

// TestDigestOfBody: a body of which the run assigns a part has no digest before,
// and what is said of it is that.
func TestDigestOfBody(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		in   map[string]any
		want string
	}{
		"known":      {map[string]any{"csr_id": "$<steps.csr.id>", "certificate": "PEM"}, "SHA-256 of the body " + digest},
		"assigned":   {map[string]any{"csr_id": "$<steps.csr.id>", "certificate": "$<steps.cert.certificate>"}, "the body holds $<steps.cert.certificate>: its SHA-256 is known in the run"},
		"in a list":  {map[string]any{"names": []any{"a", "b-$<run.id>"}, "again": "$<run.id>"}, "the body holds $<run.id>: its SHA-256 is known in the run"},
		"of an item": {map[string]any{"certificate": `$<steps.f["a>b"].x>`}, `the body holds $<steps.f["a>b"].x>: its SHA-256 is known in the run`},
	} {
		plan := everything()
		s := &plan.Body.Steps[4]
		s.In, s.Write = c.in, &runner.Write{Method: "POST", Path: "/api/v1/csrs/$<steps.csr.id>/publish", ContentType: "application/pkix-cert", SHA256: digest}
		if text := planDetails(t, plan); !strings.Contains(strings.Join(strings.Fields(text), " "), c.want+" ") {
			t.Errorf("%s: the text does not say %q:\n%s", name, c.want, text)
		}
		if page := planPageOf(t, plan); !strings.Contains(html.UnescapeString(page), c.want) {
			t.Errorf("%s: the page does not say %q", name, c.want)
		}
	}
}
