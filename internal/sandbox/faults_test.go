package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestParseFault(t *testing.T) {
	for text, want := range map[string]Fault{
		"POST */keys/generate=500":                   {Method: "POST", Glob: "*/keys/generate", Status: 500},
		"post */publish@2=503:after":                 {Method: "POST", Glob: "*/publish", N: 2, Status: 503, After: true},
		"* *=429:before":                             {Method: "*", Glob: "*", Status: 429},
		"PUT /api/v1/apps/0oa@x=400":                 {Method: "PUT", Glob: "/api/v1/apps/0oa@x", Status: 400},
		"GET /api/v1/apps?filter=id*=500":            {Method: "GET", Glob: "/api/v1/apps?filter=id*", Status: 500},
		"  DELETE  /api/v1/*/csrs/-x@10=404:before ": {Method: "DELETE", Glob: "/api/v1/*/csrs/-x", N: 10, Status: 404},
		"POST *=429:concurrency":                     {Method: "POST", Glob: "*", Status: 429, Crowded: true},
		"write *@2=lost":                             {Method: "WRITE", Glob: "*", N: 2, Kind: FaultLost},
		"PUT *=reset":                                {Method: "PUT", Glob: "*", Kind: FaultReset},
		"POST */csrs=late:1m30s":                     {Method: "POST", Glob: "*/csrs", Kind: FaultLate, Delay: 90 * time.Second},
		"POST */csrs=delay:150ms":                    {Method: "POST", Glob: "*/csrs", Kind: FaultDelay, Delay: 150 * time.Millisecond},
		"* */csrs@2=hold:25s":                        {Method: "*", Glob: "*/csrs", N: 2, Kind: FaultHold, Delay: 25 * time.Second},
		"GET *@3=change:label":                       {Method: "GET", Glob: "*", N: 3, Kind: FaultChange, Change: ChangeLabel, After: true},
		"PUT *=change:kid:before":                    {Method: "PUT", Glob: "*", Kind: FaultChange, Change: ChangeKid},
		"PUT *=change:revoke:after":                  {Method: "PUT", Glob: "*", Kind: FaultChange, Change: ChangeRevoke, After: true},
	} {
		got, err := ParseFault(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
		if again, err := ParseFault(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q", text, got)
		}
	}
	for _, bad := range []string{"", "POST", "POST x=500", "POST /x", "POST /x=200", "POST /x=600", "POST /x=5000", "POST /x=+50", "POST /x=abc", "POST /x=500:", "POST /x=500:later", "POST /x@0=500", "P0ST /x=500", "POST =500", "POST /a b=500", "POST /x@=500", "POST /x@99999999999999999999=500",
		"POST /x=", "POST /x=lost:", "POST /x=lost:1s", "POST /x=reset:before", "POST /x=late", "POST /x=late:", "POST /x=late:0s", "POST /x=late:-1s", "POST /x=late:5", "POST /x=delay", "PUT /x=delay:1s", "* /x=delay:1s", "POST /x=hold", "POST /x=hold:", "POST /x=hold:0s", "POST /x=hold:1s:after",
		"POST /x=change", "POST /x=change:", "POST /x=change:all", "POST /x=change:kid:", "POST /x=change:kid:later", "POST /x=429:concurrency:after", "POST /x=503:concurrency", "POST /x=Lost", "POST /x=500:after:after",
	} {
		f, err := ParseFault(bad)
		if err == nil {
			t.Errorf("%q was read as %q", bad, f)
		} else if !strings.Contains(err.Error(), "write METHOD GLOB[@N]=WHAT") {
			t.Errorf("%q: the message %q has no cure", bad, err)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		glob, path string
		want       bool
	}{
		{"*", "/a/b", true}, {"/a", "/a", true}, {"/a", "/a/b", false}, {"/a*", "/a/b", true}, {"*b", "/a/b", true},
		{"*/b*", "/a/b/c", true}, {"/a*/c", "/a/c", true}, {"/a*a", "/a", false}, {"/b*", "/a", false}, {"**", "", true}, {"*/x*/y", "/x/y/x/y", true}, {"/a*b*c", "/acb", false},
	} {
		if got := globMatch(tt.glob, tt.path); got != tt.want {
			t.Errorf("%s on %s: %t", tt.glob, tt.path, got)
		}
	}
}

// TestFaults fails requests before and after their effect, each and the nth.
func TestFaults(t *testing.T) {
	generate := testApp.Path() + "/credentials/keys/generate?validityYears=2"
	for _, tt := range []struct {
		fault    string
		statuses []int
		keys     int // made by three requests
		code     string
	}{
		{"POST */keys/generate=500", []int{500, 500, 500}, 0, "E0000009"},
		{"POST */keys/generate@2=503:before", []int{201, 503, 201}, 2, "E0000010"},
		{"POST */keys/generate=500:after", []int{500, 500, 500}, 3, "E0000009"},
		{"POST */keys/generate@2=500:after", []int{201, 500, 201}, 3, "E0000009"},
		{"POST *@1=429", []int{429, 201, 201}, 2, "E0000047"},
		{"* *validityYears=2@3=400", []int{201, 201, 201}, 3, ""}, // no "?": the path alone
		{"* *?validityYears=2@3=400", []int{201, 201, 400}, 2, "E0000001"},
		{"GET *=500", []int{201, 201, 201}, 3, ""},
		{"POST *=418", []int{418, 418, 418}, 0, "E0000001"},
		{"POST *=502", []int{502, 502, 502}, 0, "E0000009"},
	} {
		f, err := ParseFault(tt.fault)
		if err != nil {
			t.Fatal(err)
		}
		opt := testOptions()
		opt.Faults = []Fault{f}
		org := testOrg(t)
		before, _ := org.get(testApp)
		c := serve(t, New(org, opt))
		for i, status := range tt.statuses {
			r := c.do("POST", generate, nil)
			if r.status != status {
				t.Errorf("%s: request %d: status %d, want %d", tt.fault, i+1, r.status, status)
			}
			if r.status >= 400 {
				r.refused(t, status, tt.code, "")
			}
			if r.status == 429 {
				if h := r.header; h.Get("X-Rate-Limit-Remaining") != "0" || h.Get("X-Rate-Limit-Reset") != fmt.Sprint(testNow.Unix()+1) || h.Get("X-Rate-Limit-Limit") == "" {
					t.Errorf("429 with %v", h)
				}
			}
		}
		if after, _ := org.get(testApp); len(after.keys)-len(before.keys) != tt.keys {
			t.Errorf("%s: %d keys were made, want %d", tt.fault, len(after.keys)-len(before.keys), tt.keys)
		}
	}
}

// TestSeveralFaults: the first whose turn it is counts; all count matches.
func TestSeveralFaults(t *testing.T) {
	opt := testOptions()
	opt.Faults = []Fault{
		{Method: "GET", Glob: "*", N: 2, Status: 500},
		{Method: "GET", Glob: "*/apps/*", N: 2, Status: 503},
		{Method: "GET", Glob: "*", N: 4, Status: http.StatusForbidden},
	}
	c := serve(t, New(testOrg(t), opt))
	for i, want := range []int{200, 500, 200, 403, 200} {
		if r := c.do("GET", testApp.Path(), nil); r.status != want {
			t.Errorf("request %d: %d, want %d", i+1, r.status, want)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	for _, s := range []string{"WRITE *=lost", "POST *@1=late:3s", "POST *=delay:1h0.5s", "* *=change:kid:before", "GET *=429:concurrency", "POST */keys/generate=500", "post */publish@2=503:after", "* *=429:before", "GET /a?b=c=500", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		one, err := ParseFault(text)
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
			return
		}
		two, err := ParseFault(one.String())
		if err != nil || one != two {
			t.Errorf("%q became %q: %v", one, two, err)
		}
		globMatch(one.Glob, text)
	})
}
