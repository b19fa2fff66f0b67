package runner

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"example.com/rekey/internal/cputime"
)

func TestFaultsSort(t *testing.T) {
	var f Faults
	f.Add(Position{10, 11}, "d", "")
	f.Add(Position{10, 5}, "c", "")
	f.Add(Position{9, 45}, "b2", "")
	f.Add(Position{9, 45}, "b1", "")
	f.Add(Position{9, 45}, "b2", "")
	f.Add(Position{}, "a", "")
	f.Add(Position{10, 11}, "d", "").Warning = "w"
	f.Sort()
	if got, want := f.Error(), "a\n9:45: b2\n9:45: b1\n10:5: c\n10:11: d\n10:11: warning w: d"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFaultsErr(t *testing.T) {
	var f Faults
	if f.Err() != nil {
		t.Error("no faults are an error")
	}
	f.Add(Position{1, 1}, "a", "").Warning = "w"
	if f.Err() != nil {
		t.Error("a warning is an error")
	}
	f.Add(Position{1, 1}, "b", "do c")
	f.InFile("x.yaml")
	if err := f.Err(); err == nil || err.Error() != "x.yaml:1:1: warning w: a\nx.yaml:1:1: b (do c)" {
		t.Errorf("%v", err)
	}
}

func TestFaultsRender(t *testing.T) {
	long := strings.Repeat("a", 300) + "!" + strings.Repeat("b", 300)
	for _, c := range []struct {
		name, source string
		pos          Position
		want         string
	}{
		{"plain", "a: b\nc: dd\n", Position{2, 4}, "f:2:4: m\n  c: dd\n     ^\n  cure: c\n"},
		{"tab", "\ta:\tb\n", Position{1, 5}, "f:1:5: m\n  \ta:\tb\n  \t  \t^\n  cure: c\n"},
		{"bom, crlf", "\ufeffa: b\r\nc: d\r\n", Position{1, 4}, "f:1:4: m\n  a: b\n     ^\n  cure: c\n"},
		{"behind the end", "ab\n", Position{1, 3}, "f:1:3: m\n  ab\n    ^\n  cure: c\n"},
		{"wide and combining", "日e\u0301x\n", Position{1, 4}, "f:1:4: m\n  日e\u0301x\n  \u3000 ^\n  cure: c\n"},
		{"control", "a\x1b[31m\u202eb\n", Position{1, 8}, "f:1:8: m\n  a␛[31m\ufffdb\n         ^\n  cure: c\n"},
		{"no place", "a\n", Position{}, "f: m\n  cure: c\n"},
		{"no line", "a\n", Position{9, 1}, "f:9:1: m\n  cure: c\n"},
		{"long", long, Position{1, 301}, "f:1:301: m\n  …" + strings.Repeat("a", 69) + "!" + strings.Repeat("b", 34) + "…\n" + "  " + strings.Repeat(" ", 70) + "^\n  cure: c\n"},
		{"long, start", long, Position{1, 1}, "f:1:1: m\n  " + strings.Repeat("a", 104) + "…\n  ^\n  cure: c\n"},
		{"long, end", long, Position{1, 602}, "f:1:602: m\n  …" + strings.Repeat("b", 104) + "\n  " + strings.Repeat(" ", 105) + "^\n  cure: c\n"},
	} {
		var b strings.Builder
		Faults{{File: "f", Position: c.pos, Message: "m", Cure: "c"}}.Render(&b, []byte(c.source))
		if b.String() != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, b.String(), c.want)
		}
	}
}

func TestRenderIsBounded(t *testing.T) {
	for _, r := range []string{"a", "é", "日", "😀", "\x1b", "\u202e", "\xff", "\t"} {
		long := strings.Repeat(r, 5000)
		for _, column := range []int{1, 50, 2500, 5001, 9999} {
			f := Faults{{File: long, Position: Position{1, column}, Message: long, Cure: long, Warning: "w"}}
			var b strings.Builder
			f.Render(&b, []byte(long))
			if b.Len() >= 1024 || !utf8.ValidString(b.String()) || strings.ContainsAny(b.String(), "\x1b\u202e") {
				t.Errorf("%q at %d: %d bytes: %q", r, column, b.Len(), b.String())
			}
			if strings.Count(f.Error(), "\n") != 0 {
				t.Error("Error takes several lines")
			}
		}
	}
}

// A line of a megabyte with a hundred faults is looked at near each of them.
func TestRenderInALongLine(t *testing.T) {
	source := []byte(strings.Repeat("é日a ", 150_000))
	var faults Faults
	for i := range 100 {
		faults.Add(Position{1, 1 + 4000*i}, "wrong", "mend it")
	}
	var out strings.Builder
	began := cputime.Spent()
	faults.Render(&out, source)
	if took := cputime.Spent() - began; took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	lines := strings.Split(out.String(), "\n")
	if shown := lines[1]; !strings.HasPrefix(shown, "  é日a é") || !strings.HasSuffix(shown, "…") {
		t.Errorf("the first shows %q", shown)
	}
	if shown := lines[5]; !strings.HasPrefix(shown, "  …") || !strings.HasSuffix(shown, "…") || len(shown) > 2+renderLine+len("…") {
		t.Errorf("the second shows %q", shown)
	}
}

// However many faults stand at a place, each is kept once.
func TestSortDropsWhatIsSaidAgain(t *testing.T) {
	var faults Faults
	for i := range 300 {
		faults.Add(Position{1 + i%3, 7}, "wrong", "mend it")
		faults.Add(Position{1 + i%3, 7}, "wrong", "or leave it")
	}
	faults.Sort()
	if len(faults) != 6 || faults[0].Cure != "mend it" || faults[1].Cure != "or leave it" || faults[5].Line != 3 {
		t.Errorf("%d faults: %v", len(faults), faults)
	}
}
