package view

import (
	"encoding/json"
	"io"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/runner"
)

// TestSpans puts certificates together of which a plan knows more or less.
func TestSpans(t *testing.T) {
	inUse := func(days int) *runner.PlannedCertificate {
		return &runner.PlannedCertificate{Owner: "app/a", NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(0, 0, days), DaysLeft: &days}
	}
	toCome := func(days int) *runner.PlannedCertificate {
		return &runner.PlannedCertificate{Owner: "app/b", NotBefore: at, NotAfter: at.AddDate(0, 0, days)}
	}
	unread := &runner.PlannedCertificate{Owner: "app/c"}
	for _, c := range []struct {
		all  []*runner.PlannedCertificate
		want string
	}{
		{[]*runner.PlannedCertificate{unread, unread}, "2 not read"},
		{[]*runner.PlannedCertificate{inUse(9), inUse(3)}, "3 to 9 days left, least app/a"},
		{[]*runner.PlannedCertificate{inUse(9), inUse(3), inUse(-1)}, "1 EXPIRED, the others 3 to 9 days left"},
		{[]*runner.PlannedCertificate{toCome(9), toCome(3)}, "valid until 2026-01-18 to 2026-01-24"},
		{[]*runner.PlannedCertificate{inUse(3), toCome(9)}, "valid until 2026-01-18 to 2026-01-24"},
		{[]*runner.PlannedCertificate{toCome(3), inUse(9)}, "valid until 2026-01-18 to 2026-01-24"},
		{[]*runner.PlannedCertificate{inUse(-1), inUse(3), toCome(9), unread}, "1 EXPIRED, valid until 2026-01-18 to 2026-01-24, 1 not read"},
	} {
		if got := spans(c.all); got != c.want {
			t.Errorf("spans is %q, want %q", got, c.want)
		}
	}
}

// TestOddPlans shows plans that no rehearsal makes, but that a file can hold: no
// face may rely on what belongs together.
func TestOddPlans(t *testing.T) {
	files, err := filepath.Glob("../../testdata/faces/*.json")
	files = slices.DeleteFunc(files, func(file string) bool { return strings.HasPrefix(filepath.Base(file), "run-") })
	if err != nil || len(files) < 5 {
		t.Fatalf("%d plans to begin with, %v", len(files), err)
	}
	var whole [][]byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, data)
	}
	for _, plan := range []*runner.Plan{full(), fleet(20, exceptions()), nested()} {
		data, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, data)
	}
	shown := 0
	for seed := range int64(200) {
		var v map[string]any
		if err := json.Unmarshal(whole[int(seed)%len(whole)], &v); err != nil {
			t.Fatal(err)
		}
		v["body"] = oddly(rand.New(rand.NewSource(seed)), v["body"])
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var plan runner.Plan
		if json.Unmarshal(data, &plan) == nil {
			shown++
			showAll(t, seed, &plan)
		}
	}
	if shown < 100 {
		t.Errorf("%d plans were shown", shown)
	}
}

func showAll(t *testing.T, seed int64, plan *runner.Plan) {
	t.Helper()
	defer func() {
		if e := recover(); e != nil {
			t.Fatalf("plan %d: %v\n%s", seed, e, debug.Stack())
		}
	}()
	for _, face := range []func(io.Writer, *runner.Plan) error{PlanText, PlanDetails, PlanMarkdown, PlanHTML} {
		if err := face(io.Discard, plan); err != nil {
			t.Errorf("plan %d: %v", seed, err)
		}
	}
}

// oddly is a JSON value of which some things are left out, exchanged or
// something else.
func oddly(r *rand.Rand, v any) any {
	one := func(in int) bool { return r.Intn(in) == 0 }
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if one(60) {
				delete(v, name)
				continue
			}
			v[name] = oddly(r, v[name])
		}
	case []any:
		if len(v) > 1 && one(15) {
			v = slices.Delete(v, 0, 1+r.Intn(len(v)-1))
		}
		if len(v) > 1 && one(15) {
			i, j := r.Intn(len(v)), r.Intn(len(v))
			v[i], v[j] = v[j], v[i]
		}
		for i := range v {
			v[i] = oddly(r, v[i])
		}
		return v
	case bool:
		return v != one(25)
	case string:
		if one(80) {
			return strings.Repeat("[", r.Intn(2))
		}
	}
	return v
}

// TestRollbackThatFails holds that a page says as much of it as the other faces.
func TestRollbackThatFails(t *testing.T) {
	plan := full()
	if page := planPageOf(t, plan); strings.Contains(page, "not</strong> as before the run") {
		t.Error("the page says so of a rollback that does not fail")
	}
	plan.Body.Failure = &runner.PlanFailure{Step: "switch", Message: "it left something"}
	if page := planPageOf(t, plan); !strings.Contains(page, "Then all is <strong>not</strong> as before the run") {
		t.Error("the page does not say that not all is as before")
	}
}

// TestShownInputs has a secret among the values, which no plan should have.
func TestShownInputs(t *testing.T) {
	given := map[string]any{"pass": "hush", "app": "0oa1"}
	got := shownInputs(given, []string{"pass", "word"}, []string{"word"})
	if want := (map[string]any{"pass": "(secret)", "word": "(secret, not given)", "app": "0oa1"}); !maps.Equal(got, want) {
		t.Errorf("shown are %v", got)
	}
	if given["pass"] != "hush" {
		t.Error("showing the inputs changed them")
	}
	if got := shownInputs(nil, nil, nil); got == nil || len(got) != 0 {
		t.Errorf("of none are shown %v", got)
	}
}

// TestExpired holds the faces of a plan to one sentence about certificates that
// sign although they have expired.
func TestExpired(t *testing.T) {
	over, left := -2, 3
	plan := everything()
	plan.Body.Certificates = nil
	for _, c := range []struct {
		owner, role string
		days        *int
		want        string
	}{
		{"app/x1", runner.RoleSignsNow, &left, ""},
		{"app/x1", "will sign", &over, ""},
		{"app/x1", runner.RoleSignsNow, &over, "the certificate in use of app/x1"},
		{"app/x2", runner.RoleSignsNow, &over, "the certificates in use of app/x1, app/x2"},
		{"app/x3", runner.RoleSignsNow, &over, "the certificates in use of app/x1, app/x2, app/x3"},
		{"app/x4", runner.RoleSignsNow, &over, "the certificates in use of app/x1, app/x2, app/x3, app/x4"},
		{"app/x5", runner.RoleSignsNow, &over, "the certificates in use of app/x1, app/x2, app/x3 … (5 in all)"},
	} {
		plan.Body.Certificates = append(plan.Body.Certificates, runner.PlannedCertificate{Owner: c.owner, Role: c.role, DaysLeft: c.days})
		if got := newPlanTree(&plan.Body).expired(); got != c.want {
			t.Errorf("expired is %q, want %q", got, c.want)
		}
	}
	var text strings.Builder
	if err := PlanText(&text, plan); err != nil {
		t.Fatal(err)
	}
	for face, want := range map[string]string{
		text.String():       "  ! expired: the certificates in use of app/x1, app/x2, app/x3 … (5 in all)\n",
		markdown(t, plan):   "- **Expired** the certificates in use of `app/x1`, `app/x2`, `app/x3` … (5 in all)\n",
		planPageOf(t, plan): "the certificates in use of app/x1, app/x2, app/x3 … (5 in all)",
	} {
		if !strings.Contains(face, want) {
			t.Errorf("%q is missing in\n%s", want, face)
		}
	}
}
