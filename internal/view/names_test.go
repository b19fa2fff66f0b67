package view

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, c := range []struct{ name, item, loop, last string }{
		{"gen", "", "", "gen"},
		{"fleet[a].gen", "fleet[a]", "fleet", "gen"},
		{"rotate[a]", "rotate[a]", "rotate", ""},
		{"x[a].y[b].z", "x[a].y[b]", "x[a].y", "z"},
		{`x["a].b["].y[1].z`, `x["a].b["].y[1]`, `x["a].b["].y`, "z"},
		{`x["q\"]"].y`, `x["q\"]"]`, "x", "y"},
		{"x[$<steps.f[a].gen.kid>].y", "x[$<steps.f[a].gen.kid>]", "x", "y"},
		{"broken[a", "broken[a", "broken", ""},
	} {
		if got := itemAround(c.name); got != c.item {
			t.Errorf("itemAround(%s) = %s, want %s", c.name, got, c.item)
		}
		if got := last(c.name); got != c.last {
			t.Errorf("last(%s) = %s, want %s", c.name, got, c.last)
		}
		if c.item == "" {
			continue
		}
		if got := loopOf(c.item); got != c.loop {
			t.Errorf("loopOf(%s) = %s, want %s", c.item, got, c.loop)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add(`x["a].b["].y[1].z`)
	f.Add("[")
	f.Fuzz(func(t *testing.T, name string) {
		for _, item := range enclosing(name) {
			if !strings.HasPrefix(name, item) || !strings.HasPrefix(item, loopOf(item)) {
				t.Errorf("%q is in %q, an item of %q", name, item, loopOf(item))
			}
		}
		if !strings.HasSuffix(name, last(name)) {
			t.Errorf("the last of %q is %q", name, last(name))
		}
	})
}

func TestAliases(t *testing.T) {
	outer := newAlias("share", "0oa1", "app", false)
	names := aliases{newAlias("share[0oa1].to", `"My App"`, "target", true), outer}
	for in, want := range map[string]string{
		"$<steps.share[0oa1].gen.kid>":          "$<steps.gen.kid>",
		`$<steps.share[0oa1].to["My App"].kid>`: "$<steps.to.kid>",
		"/api/v1/apps/0oa1/keys?x=My%20App":     "/api/v1/apps/{app}/keys?x={target}",
		"0oa12 x0oa1 my 0oa1":                   "0oa12 x0oa1 my {app}",
		"0oa1-x and 0oa1_x":                     "{app}-x and {app}_x",
		"out/eu-0oa1.pem":                       "out/eu-{app}.pem",
		`item share[0oa1] failed`:               "item share failed",
	} {
		if got := names.text(in); got != want {
			t.Errorf("text(%s) = %s, want %s", in, got, want)
		}
	}
	if got := newAlias("n", "2", "n", false); len(got.forms) != 0 {
		t.Errorf("the number 2 is replaced wherever it stands: %v", got.forms)
	}
	if got, want := names.name(`share[0oa1].to["My App"]`), "share[{app}].to[{target}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCommon(t *testing.T) {
	for _, c := range []struct {
		texts []string
		want  string
	}{
		{[]string{"same", "same"}, "same"},
		{[]string{"for 365 days", "for 730 days", "for 365 days"}, "for 365 or 730 days"},
		{[]string{"n is 1", "n is 2", "n is 3", "n is 4"}, "n is …"},
		{[]string{"CN=one.some.example.com, C=US", "CN=other.some.example.com, C=US"}, "CN=….some.example.com, C=US"},
		{[]string{"key d84OcOwtuJ89-V0WDOc8 stays", "key d84Oi6RkuAAD-GsHe4bs stays"}, "key … stays"},
		{[]string{"a b c z", "a z", "a q z"}, "a … z"},
		{[]string{"(none)", "x"}, "(none) or x"},
		{[]string{"", "x y"}, "…"},
	} {
		var got common
		for _, text := range c.texts {
			got.add(text)
		}
		if got.String() != c.want {
			t.Errorf("%q have %q in common, want %q", c.texts, got.String(), c.want)
		}
	}
}

func TestShort(t *testing.T) {
	var ids []any
	for i := range 1234 {
		ids = append(ids, fmt.Sprintf("0oaFleet%05dXs0h7", i))
	}
	for want, v := range map[string]any{
		"a, b": []any{"a", "b"},
		"0oaFleet00000Xs0h7, 0oaFleet00001Xs0h7, 0oaFleet00002Xs0h7 … (1,234 in all)": ids,
		strings.Repeat("long", 50): strings.Repeat("long", 50),
	} {
		if got := short(v); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := number(n); got != want {
			t.Errorf("%d reads %s, want %s", n, got, want)
		}
	}
}

// TestOwnIDs: what an item alone changes is its own; what others change as well,
// or what the only item of a loop changes, is not.
func TestOwnIDs(t *testing.T) {
	got := ownIDs(func(add func(string, []string)) {
		add("alone", []string{"app/0oa0"})
		add(`by["A B"].gen`, []string{"app/0oa1"})
		add(`by["A B"].export`, nil)
		add("by[b].gen", []string{"app/0oa2"})
		add("by[c].gen", []string{"app/0oa3"})
		add("by[d].gen", []string{"app/0oa3"})
		add("by[e].gen", []string{"app/0oa4"})
		add("by[e].more", []string{"idp/0oa5"})
		add("one[f].gen", []string{"app/0oa6"})
	})
	if want := map[string]string{`by["A B"]`: "0oa1", "by[b]": "0oa2"}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestPlanByLabel: items that are known by a label, and differ in nothing but it
// and the id of their app, do the same, however few they are.
func TestPlanByLabel(t *testing.T) {
	plan := fleet(3, nil)
	for i := range plan.Body.Steps {
		s := &plan.Body.Steps[i]
		as := func(text string) string {
			return strings.ReplaceAll(text, "fleet["+s.Item+"]", `fleet["App `+s.Item[10:13]+`"]`)
		}
		label := `"App ` + s.Item[10:13] + `"`
		s.Step, s.Change = as(s.Step), as(s.Change)
		s.Caution = "app/" + s.Item + " is odd"
		for j := range s.Residues {
			s.Residues[j].ID = as(s.Residues[j].ID)
		}
		s.Item = label
	}
	for i, key := range plan.Body.Loops[0].Items {
		plan.Body.Loops[0].Items[i] = `"App ` + key[10:13] + `"`
	}
	text := planText(t, plan)
	for _, want := range []string{"all 3 items:\n", "  ! caution fleet[{app}].gen (3 items): app/{app.id} is odd\n", "app/{app.id} signs with $<steps.gen.kid>", "{app}, {app.id} stand for an item's key or the id of what it changes."} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan lacks %q:\n%s", want, text)
		}
	}
}
