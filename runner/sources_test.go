package runner

import (
	"cmp"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/internal/cputime"
)

// byReplacer replaces as strings.NewReplacer does, which takes of several that
// fit the one named first: the longest.
func byReplacer(values map[string]string) *strings.Replacer {
	var pairs []string
	for _, v := range sortedByLength(values) {
		pairs = append(pairs, v, values[v])
	}
	return strings.NewReplacer(pairs...)
}

func sortedByLength(values map[string]string) []string {
	var all []string
	for v := range values {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	return all
}

// Values overlap, contain each other, begin alike and end alike; sources look
// like values. Whatever the order in which they are learnt and however often
// text is replaced in between, the result is the library's.
func TestSourcesReplaceAsAReplacerDoes(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		word := func(n int) string {
			b := make([]byte, n)
			for i := range b {
				b[i] = "ab"[r.IntN(2)]
			}
			return string(b)
		}
		var s sources
		known := map[string]string{}
		kept := word(minSource + r.IntN(6))
		s.keep(map[string]any{"a": []any{kept, 7, nil}})
		for i := range 40 {
			n := minSource - 2 + r.IntN(8)
			if r.IntN(4) == 0 {
				n = maxName - 3 + r.IntN(6) // around the length from which a value has a digest for its name
			}
			value := word(n)
			source := fmt.Sprintf("<%s %d>", word(minSource), i)
			s.add(value, source)
			if _, again := known[value]; !again && len(value) >= minSource && value != kept {
				known[value] = source
			}
			text := word(100) + value + word(r.IntN(30)) + value[:len(value)-1] + kept
			if i%7 == 0 {
				text = text[:r.IntN(len(text))]
			}
			if got, want := s.replace(text), byReplacer(known).Replace(text); got != want {
				t.Fatalf("seed %d: with %q\n%q becomes\n%q, want\n%q", seed, known, text, got, want)
			}
		}
	}
}

func TestSourcesKeepTheFirst(t *testing.T) {
	var s sources
	if got := s.replace("nothing is known"); got != "nothing is known" {
		t.Errorf("without values: %q", got)
	}
	s.keep([]any{"given by a person"})
	s.add("given by a person", "$<never>")
	s.add("an assigned id", "$<first>")
	s.add("an assigned id", "$<second>")
	s.add(" an assigned id\n", "$<third>") // known without its blanks
	for text, want := range map[string]string{
		"given by a person":  "given by a person",
		"an assigned id":     "$<first>",
		" an assigned id\n":  "$<third>",
		"an assigned id\n\n": "$<first>\n\n",
		"an assi":            "an assi",
		"":                   "",
	} {
		if got := s.replace(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// What went into a step is no discovery of it, wherever it stood there.
func TestSourcesLearnWhatIsNew(t *testing.T) {
	step := &Step{ID: "fleet[0oa1].gen", Type: &Type{out: []Field{
		{Name: "kid", Assigned: true}, {Name: "csr", Assigned: true}, {Name: "path"}, {Name: "years", Assigned: true},
	}}}
	var s sources
	s.learn(step, step.ID, map[string]any{"deep": []any{map[string]any{"csr": "csr-given-to-it"}}},
		map[string]any{"kid": "kid-of-this-step", "csr": "csr-given-to-it", "path": "a-path-not-assigned", "years": 2})
	const text = "kid-of-this-step csr-given-to-it a-path-not-assigned"
	if got, want := s.replace(text), "$<steps.fleet[0oa1].gen.kid> csr-given-to-it a-path-not-assigned"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// fleetValues are the values that a fleet of n apps assigns: a kid, a
// certificate and a JWK each. Certificates begin alike, and their lengths
// differ with the names in them.
func fleetValues(n int) (values []string) {
	r := rand.New(rand.NewPCG(7, 7))
	random := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[r.IntN(64)]
		}
		return string(b)
	}
	for i := range n {
		der := []byte("\x30\x82\x03\xa4\x30\x82\x02\x8c" + random(900+i%60))
		kid := random(43)
		values = append(values, kid,
			string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
			`{"created":"2026-01-15T12:00:00.000Z","kid":"`+kid+`","n":"`+random(342)+`","x5c":["`+random(1200+i%60)+`"]}`)
	}
	return values
}

// runFleet takes up the values and replaces in the texts of a plan between any
// two apps: an input, what is seen, a path, a body.
func runFleet(values []string) *sources {
	var s sources
	for i := 0; i < len(values); i += 3 {
		for j, v := range values[i : i+3] {
			s.add(v, fmt.Sprintf("$<steps.fleet[0oa%d].gen.out%d>", i, j))
		}
		kid, certificate, key := values[i], values[i+1], values[i+2]
		for _, text := range []string{"/api/v1/apps/0oa1/credentials/keys/" + kid, certificate, key, `{"label":"x","kid":"` + kid + `","rest":"` + strings.Repeat("y", 1000) + `"}`} {
			s.replace(text)
		}
	}
	return &s
}

// Five times the apps cost five times the time, with room for noise, not
// twenty-five times.
func TestSourcesOfAFleet(t *testing.T) {
	few, many := fleetValues(300), fleetValues(1500)
	growth := cputime.Growth(12, func() { runFleet(few) }, func() { runFleet(many) })
	t.Logf("1500 apps take %.1f times as long as 300", growth)
	if growth > 12 {
		t.Errorf("1500 apps take %.1f times as long as 300", growth)
	}
}

func BenchmarkSources(b *testing.B) {
	for _, n := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			values := fleetValues(n)
			b.ReportAllocs()
			for b.Loop() {
				runFleet(values)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/app")
		})
	}
}
