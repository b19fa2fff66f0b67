package steps_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/steps"
)

// labels are the labels, or names, of what a list yields.
func labels(r *run, list, member string) (found []string) {
	r.w.t.Helper()
	for _, item := range r.done().out()[list].([]any) {
		found = append(found, item.(data)[member].(string))
	}
	slices.Sort(found)
	return found
}

// What Okta can select by is asked of it, one comparison; what it cannot, and
// that once more, is compared here.
func TestListApps(t *testing.T) {
	w := newWorld(t)
	kid := w.active(app)
	asked := "&filter=credentials.signing.kid+eq+%22" + kid + "%22"
	crm := "&filter=name+eq+%22examplecrm%22"
	for _, tt := range []struct {
		in    data
		query string
		want  []string
	}{
		{data{"label": "Finance EU"}, "", []string{"Finance EU"}},
		{data{"label": "Finance *"}, "", []string{"Finance EU", "Finance US"}},
		{data{"label": "*nance*U*"}, "", []string{"Finance EU", "Finance US"}},
		{data{"label": "finance*"}, "", nil},
		{data{"kid": kid}, asked, []string{"Finance EU"}},
		{data{"kid": kid, "label": "Finance US"}, asked, nil},
		{data{"kid": kid, "sign_on_mode": "SAML_2_0", "name": "myorg_app1"}, asked, []string{"Finance EU"}},
		{data{"kid": kid, "sign_on_mode": "WS_FEDERATION"}, asked, nil},
		{data{"kid": "k\"*", "name": "examplecrm"}, "&filter=credentials.signing.kid+eq+%22k%5C%22%2A%22", nil},
		{data{"name": "examplecrm"}, crm, []string{"Example CRM (from the catalog)"}},
		{data{"name": "myorg_app*", "label": "*EU"}, "", []string{"Finance EU"}},
		{data{"status": "INACTIVE"}, "&filter=status+eq+%22INACTIVE%22", []string{"Wiki"}},
		{data{"status": "INACTIVE", "label": "W*", "sign_on_mode": "SAML_2_0"}, "&filter=status+eq+%22INACTIVE%22", []string{"Wiki"}},
		{data{"status": "ACTIVE", "label": "Wiki"}, "&filter=status+eq+%22ACTIVE%22", nil},
		{data{"status": "INACTIVE", "kid": kid}, asked, nil},
		{data{"status": "INACTIVE", "name": "examplecrm"}, crm, nil},
	} {
		r := w.run("list_apps", tt.in)
		if got := labels(r, "apps", "label"); !slices.Equal(got, tt.want) {
			t.Errorf("%v: %q, want %q", tt.in, got, tt.want)
		}
		if got := r.log; len(got) != 1 || got[0].path != strings.TrimSuffix("/api/v1/apps?"+strings.TrimPrefix(tt.query+"&limit=200", "&"), "&") {
			t.Errorf("%v: %v", tt.in, got)
		}
	}
	all := w.run("list_apps", data{}).done().out()["apps"].([]any)
	first := all[0].(data)
	if n := len(all); n != len(ids(w.org, okta.App)) || first["id"] != slices.Min(ids(w.org, okta.App)) {
		t.Errorf("%d apps, the first %v", n, first)
	}
	for _, a := range all {
		kid, ok := a.(data)["kid"]
		if id := a.(data)["id"]; id == appFresh.ID && ok && kid != nil || id == app.ID && kid != w.active(app) {
			t.Errorf("%v", a)
		}
		if len(a.(data)) > 6 || strings.Contains(fmt.Sprint(a), "made-up-secret") {
			t.Errorf("more of the app than identifies it: %v", a)
		}
	}
}

func ids(org *sandbox.Org, kind okta.Kind) (ids []string) {
	for _, o := range org.Owners() {
		if o.Kind == kind {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

func TestListIdPs(t *testing.T) {
	w := newWorld(t)
	kid := w.active(idp)
	name := w.run("get_idp", data{"idp": idp.ID}).text("name")
	saml := w.run("list_idps", data{"type": "SAML2"})
	if got := len(labels(saml, "idps", "name")); got != len(ids(w.org, okta.IdP))-1 || saml.log[0].path != "/api/v1/idps?limit=200&type=SAML2" {
		t.Errorf("%d of type SAML2, asked for by %v", got, saml.log)
	}
	for _, tt := range []struct {
		in   data
		want []string
	}{
		{data{"kid": kid}, []string{name}},
		{data{"kid": kid, "type": "SAML*", "name": name[:3] + "*"}, []string{name}},
		{data{"name": name}, []string{name}},
		{data{"name": name, "type": "OIDC"}, nil},
		{data{"kid": "nobody's"}, nil},
	} {
		if got := labels(w.run("list_idps", tt.in), "idps", "name"); !slices.Equal(got, tt.want) {
			t.Errorf("%v: %q, want %q", tt.in, got, tt.want)
		}
	}
}

// A value that came out empty selects nothing, least of all everything.
func TestEmptyFilters(t *testing.T) {
	w := newWorld(t)
	for _, input := range []string{"list_apps.label", "list_apps.name", "list_apps.kid", "list_idps.name", "list_idps.type", "list_idps.kid"} {
		step, input, _ := strings.Cut(input, ".")
		r := w.run(step, data{input: `$<trim(" ")>`})
		contains(t, r.failure(), input+" is empty", "leave it out")
		if len(r.log) > 0 {
			t.Errorf("%s: %v", step, r.log)
		}
	}
	for input, value := range map[string]string{"sign_on_mode": "SAML", "status": "active"} {
		if _, faults := check(t, "list_apps", data{input: value}); faults.Err() == nil {
			t.Errorf("%s: %s is fine", input, value)
		}
	}
}

// fleet serves n apps, a page at a time and each page out of nothing, so that
// what is in memory is the client's. Each app has some 2 KB, as in an org.
type fleet struct {
	n        int
	requests int
	sent     int
	served   func() // before each page
}

func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.served != nil {
		f.served()
	}
	f.requests++
	query := r.URL.Query()
	limit, _ := strconv.Atoi(query.Get("limit"))
	from, _ := strconv.Atoi(query.Get("after"))
	to := min(from+limit, f.n)
	if to < f.n {
		w.Header().Set("Link", fmt.Sprintf(`<%s/api/v1/apps?limit=%d&after=%d>; rel="next"`, orgURL, limit, to))
	}
	w.Header().Set("Content-Type", "application/json")
	var page strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&page, `%s{"id":"0oaFleet%05dXs0h7","name":"examplecrm","label":"Fleet app %d","status":"ACTIVE","signOnMode":"SAML_2_0","credentials":{"signing":{"kid":"the-kid-of-%06d"}},"settings":{"notes":"%s"}}`,
			map[bool]string{true: "[", false: ","}[i == from], i, i, i, filler)
	}
	page.WriteString("]")
	f.sent += page.Len()
	fmt.Fprint(w, page.String())
}

var filler = strings.Repeat("x", 2000)

// lister is a list_apps bound to a fleet.
func (f *fleet) lister(tb testing.TB) *steps.ListApps {
	tb.Helper()
	client, err := okta.New(okta.Config{OrgURL: orgURL, Token: "token-of-a-test", HTTP: sandbox.Transport(f)})
	if err != nil {
		tb.Fatal(err)
	}
	s := steps.Catalogue(&steps.Env{Okta: client}).Type("list_apps").New().(*steps.ListApps)
	s.Label, s.Name, s.Kid = "*", "*", "*"
	return s
}

// n apps take ceil(n/200) requests.
func TestListAppsPages(t *testing.T) {
	for _, n := range []int{1, 199, 200, 201, 5000, 5001} {
		f := &fleet{n: n}
		s := f.lister(t)
		if err := s.Read(context.Background()); err != nil || len(s.Apps) != n || f.requests != (n+199)/200 {
			t.Errorf("%d apps: %d in %d requests, %v", n, len(s.Apps), f.requests, err)
		}
	}
	w := newWorld(t)
	if err := w.org.AddApps(5000); err != nil {
		t.Fatal(err)
	}
	all := len(ids(w.org, okta.App))
	r := w.run("list_apps", data{"sign_on_mode": "SAML_2_0"})
	if got := len(labels(r, "apps", "label")); got < 5000 || len(r.log) != (all+199)/200 {
		t.Errorf("%d of %d apps in %d requests", got, all, len(r.log))
	}
}

// While the pages are read, what is kept of those before is what the step
// yields and no page: at the last page the heap has grown by a fraction of what
// was sent.
func TestListAppsStreams(t *testing.T) {
	f := &fleet{n: 5000}
	var first, last uint64
	f.served = func() {
		if at := f.requests; at == 1 || at == 24 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			first, last = last, m.HeapAlloc
		}
	}
	s := f.lister(t)
	if err := s.Read(context.Background()); err != nil {
		t.Fatal(err)
	}
	grown := int64(last) - int64(first)
	t.Logf("%d KiB were sent, the heap grew by %d KiB", f.sent>>10, grown>>10)
	if grown > int64(f.sent)/4 {
		t.Errorf("%d bytes were sent, and the heap grew by %d between the second page and the last", f.sent, grown)
	}
	runtime.KeepAlive(s)
}

// BenchmarkListApps reports how fast 5,000 apps are read, and the most that the
// heap held at once: live objects, measured before each page.
func BenchmarkListApps(b *testing.B) {
	b.Run("throughput", func(b *testing.B) {
		f := &fleet{n: 5000}
		for b.Loop() {
			if err := f.lister(b).Read(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*f.n)/b.Elapsed().Seconds(), "apps/s")
		b.ReportMetric(float64(f.sent)/(1<<20)/b.Elapsed().Seconds(), "MiB/s")
		b.ReportMetric(float64(f.requests)/float64(b.N), "requests/op")
	})
	b.Run("memory", func(b *testing.B) {
		var base, peak uint64
		live := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		for b.Loop() {
			base, peak = live(), 0
			f := &fleet{n: 5000, served: func() { peak = max(peak, live()) }}
			s := f.lister(b)
			if err := s.Read(context.Background()); err != nil {
				b.Fatal(err)
			}
			peak = max(peak, live())
			runtime.KeepAlive(s)
		}
		b.ReportMetric(float64(peak-base)/(1<<20), "MiB-peak")
	})
}

// An error ends the list: half of the apps are not all of them.
func TestListAppsFails(t *testing.T) {
	w := newWorld(t, "GET /api/v1/apps@2=403")
	if err := w.org.AddApps(300); err != nil {
		t.Fatal(err)
	}
	r := w.run("list_apps", data{})
	contains(t, r.failure(), "403", "the right to read apps")
	if len(r.log) != 2 {
		t.Errorf("%v", r.log)
	}
}
