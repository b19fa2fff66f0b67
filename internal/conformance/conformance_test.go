package conformance

import (
	"maps"
	"slices"
	"strconv"
	"testing"
)

// TestConformance sends everything past one judge and reads the verdict at the
// end: the scenes only bring requests and answers about.
func TestConformance(t *testing.T) {
	j := newJudge(t)
	scenes := []struct {
		name string
		play func(*bench)
	}{
		{"reading every seeded owner", readOwners},
		{"paging", pageOwners},
		{"query steps", queries},
		{"query steps, long lists", queryLongLists},
		{"generating and cloning keys", generateKeys},
		{"publishing CSRs", publishCSRs},
		{"the bare form of a CSR", bareCSRs},
		{"switching keys", switchKeys},
		{"refused requests about keys", refuseKeys},
		{"refused CSRs", refuseCSRs},
		{"refused certificates", refuseCertificates},
		{"refused replacements", refuseReplacements},
		{"refused lists", refuseLists},
		{"refused metadata", refuseMetadata},
		{"what is not there", refuseUnknown},
		{"forms of answers that nobody has", refuseAccept},
		{"tokens", refuseTokens},
		{"methods and paths", refuseMethods},
		{"faults", failEverything},
	}
	played := 0
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			played++
			s.play(newBench(t, j))
		})
	}
	if played < len(scenes) {
		t.Log("no verdict: -run left scenes out")
		return
	}
	t.Run("verdict", func(t *testing.T) { verdict(t, j) })
	t.Run("operations", func(t *testing.T) { exercised(t, j) })
}

// verdict compares what deviated with what may.
func verdict(t *testing.T, j *judge) {
	used := make([]bool, len(deviations))
	for _, finding := range slices.Sorted(maps.Keys(j.findings)) {
		listed := false
		for i, d := range deviations {
			if matches(d.finding, finding) {
				used[i], listed = true, true
			}
		}
		if !listed {
			t.Errorf("deviates from Okta's contract: %s\n\tfirst seen at %s", finding, j.findings[finding])
		}
	}
	for i, d := range deviations {
		if !used[i] {
			t.Errorf("this deviation no longer occurs, take it off the list: %s", d.finding)
		}
		if d.reason == "" {
			t.Errorf("this deviation is listed without a reason: %s", d.finding)
		}
	}
}

// exercised makes sure that nothing passes by never having been tried: each
// operation succeeded, was refused and was called by our client, and each status
// that the contract declares for it was among the answers.
func exercised(t *testing.T, j *judge) {
	seeds := map[bool]int{}
	for _, op := range operations {
		n := j.seen[op.String()]
		if !n.good() || !n.refused() || n.sent == 0 {
			t.Errorf("%s: success %t, refusal %t, %d requests of the client: each must have been judged", op, n.good(), n.refused(), n.sent)
		}
		if op.seed {
			seeds[op.ofApp()]++
		}
		if op.outside {
			continue
		}
		for status := range j.doc.Paths.Value(op.path).GetOperation(op.method).Responses.Map() {
			if code, err := strconv.Atoi(status); err != nil || n.answered[code] == 0 {
				t.Errorf("%s: no answer had the declared status %s", op, status)
			}
		}
	}
	if seeds[true] == 0 || seeds[true] != seeds[false] {
		t.Errorf("the table has %d seed operations on apps and %d on IdPs; there are the same for both", seeds[true], seeds[false])
	}
}
