package conformance

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"example.com/rekey/internal/okta"
)

// scene brings requests and answers about.
type scene struct {
	name   string
	signIn []signIn // ways in which our client signs in; nil = an API token
	play   func(*bench)
}

var scenes = []scene{
	{"reading every seeded owner", signIns, readOwners},
	{"paging", signIns, pageOwners},
	{"query steps", signIns, queries},
	{"query steps, long lists", nil, queryLongLists},
	{"generating and cloning keys", signIns, generateKeys},
	{"publishing CSRs", signIns, publishCSRs},
	{"the bare form of a CSR", nil, bareCSRs},
	{"switching keys", signIns, switchKeys},
	{"refused requests about keys", nil, refuseKeys},
	{"refused CSRs", nil, refuseCSRs},
	{"refused certificates", nil, refuseCertificates},
	{"refused replacements", nil, refuseReplacements},
	{"refused lists", nil, refuseLists},
	{"refused metadata", nil, refuseMetadata},
	{"what is not there", nil, refuseUnknown},
	{"forms of answers that nobody has", nil, refuseAccept},
	{"tokens", nil, refuseTokens},
	{"access tokens", []signIn{oauth, dpop}, refuseAccessTokens},
	{"methods and paths", nil, refuseMethods},
	{"faults", nil, failEverything},
	{"playbooks", signIns, runPlaybooks},
	{"the SDK", signIns, driveSDK},
}

// TestConformance sends everything past one judge and reads the verdict at the
// end.
func TestConformance(t *testing.T) {
	j := newJudge(t)
	played, all := 0, 0
	for _, s := range scenes {
		ways := s.signIn
		if ways == nil {
			ways = []signIn{ssws}
		}
		for _, way := range ways {
			all++
			t.Run(s.name+"/"+string(way), func(t *testing.T) {
				played++
				s.play(newBench(t, j, setup{signIn: way}))
			})
		}
	}
	if played < all {
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
// operation succeeded and was refused, and each status that the contract
// declares for it was among the answers. Each row of the table was carried out
// for both owners and under each sign-in by our client and by a playbook, and
// by the SDK unless it is known not to be able to.
func exercised(t *testing.T, j *judge) {
	for _, op := range operations {
		n := j.seen[op.String()]
		if !n.good() || !n.refused() {
			t.Errorf("%s: success %t, refusal %t: each must have been judged", op, n.good(), n.refused())
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
	for _, way := range signIns {
		for _, who := range []string{ourClient, ourPlaybooks, officialSDK} {
			for _, r := range table {
				for _, kind := range []okta.Kind{okta.App, okta.IdP} {
					op := r.of(kind)
					if j.seen[op.String()].sent[party{who, way}] == 0 && (who != officialSDK || !limited(op)) {
						t.Errorf("%s, %s: %s never carried it out, signed in by %s (%s)", r.name, kind, who, way, op)
					}
				}
			}
			token := operation{method: post, path: j.flow().TokenURL}
			if asked := j.seen[token.String()].sent[party{who, way}] > 0; asked != (way != ssws) {
				t.Errorf("%s, signed in by %s: an access token asked for: %t", who, way, asked)
			}
		}
	}
}
