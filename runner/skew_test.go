package runner

import (
	"context"
	"testing"
	"time"
)

// That this machine's clock is wrong makes no difference between a plan and its
// run: what is dated in the plan is by this clock, and in the run by another.
func TestWrongClockIsNoDrift(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"right": 0, "an hour fast": time.Hour, "a day fast": 24 * time.Hour, "an hour slow": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(nil)
			p := program(t, w.catalogue(t), `
steps:
- id: first
  put: {name: a, value: one}
- id: second
  look: {name: "made at $<string(steps.first.at)>"}
- id: third
  put: {name: b, value: "made at $<string(steps.first.at)>"}
`)
			right := w.now
			w.now = right.Add(wrong)
			plan := rehearse(t, w, p, nil)
			w.now = right.Add(10 * time.Second) // as the world has it
			l := newLive(t, w)
			m, err := l.Run(context.Background(), p, w.catalogue(t), Spec{ID: "r1", Plan: plan, Org: "test", StartedAt: right})
			if err != nil || m.State() != StateDone || m.Drifted() {
				t.Errorf("%v, %s: %s", err, m.State(), m.failure)
			}
		})
	}
}

// Times that a plan saw, and that are no later than itself, are compared.
func TestDifferenceInTimes(t *testing.T) {
	since := time.Date(2026, 3, 1, 12, 0, 0, 500, time.UTC)
	const past, older, future, other = "2026-02-01T00:00:00Z", "2025-02-01T00:00:00Z", "2028-03-01T12:00:00Z", "2028-03-01T11:59:00.5+01:00"
	for _, c := range []struct {
		was, is any
		same    bool
	}{
		{past, past, true}, {past, older, false}, {past, future, false},
		{future, other, true}, {future, past, true}, {"2026-03-01T12:00:00Z", past, true},
		{[]any{past, future}, []any{past, other}, true}, {[]any{past, future}, []any{older, other}, false}, {[]any{future, past}, []any{other, past}, true},
		{[]any{future}, []any{other, other}, false}, {[]any{future, future}, []any{other}, false}, {future, nil, false}, {nil, future, false},
		{"x " + future, "y " + other, false}, {"x " + future + " y", "x " + older + " y", true},
		{"9999-99-99T99:99:99Z", "9999-99-99T99:99:98Z", false},
	} {
		if got := difference("it", c.was, c.is, since); (got == "") != c.same {
			t.Errorf("%v and %v: %q", c.was, c.is, got)
		}
	}
	if difference("it", future, other, time.Time{}) == "" {
		t.Error("who knows not since when passes over no time")
	}
}

// A request may hold a time that is known only in the run. Nothing else in it
// may differ.
func TestTimesInARequest(t *testing.T) {
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	write := func(path, body string) *Write {
		return writeOf(&Call{Method: "POST", Path: path, ContentType: "application/json", Body: []byte(body)}, same)
	}
	planned := write("/a", `{"at": "2028-03-01T12:00:00Z", "n": 1}`)
	for _, c := range []struct {
		sent *Write
		same bool
	}{
		{write("/a", `{"at": "2028-03-01T12:00:00Z", "n": 1}`), true},
		{write("/a", `{"at": "2028-03-01T12:34:56Z", "n": 1}`), true},
		{write("/a", `{"at": "2028-03-01T12:34:56Z", "n": 2}`), false},
		{write("/a", `{"at": "2028-03-01T12:34:56Z", "n": 1, "m": 1}`), false},
		{write("/b", `{"at": "2028-03-01T12:00:00Z", "n": 1}`), false},
		{write("/a", ``), false},
	} {
		if got := sameWrite(planned, c.sent, since); got != c.same {
			t.Errorf("%+v: %v", c.sent, got)
		}
	}
	binary := func(body string) *Write { return writeOf(&Call{Method: "POST", Path: "/a", Body: []byte(body)}, same) }
	if !sameWrite(binary("x"), binary("x"), since) || sameWrite(binary("x"), binary("y"), since) {
		t.Error("a body of which only the digest is kept")
	}
}
