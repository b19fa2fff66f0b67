package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
)

// befallenBy is a server of a default org with faults, whose delays pass when
// the test says so.
func befallenBy(t *testing.T, rules ...string) (*Org, *Server, *putOff) {
	t.Helper()
	opt, later := testOptions(), &putOff{}
	opt.After = later.after
	for _, text := range rules {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		opt.Faults = append(opt.Faults, f)
	}
	org := testOrg(t)
	return org, New(org, opt), later
}

func (o *Org) counts(id okta.Owner) (keys, csrs int) {
	w, _ := o.get(id)
	return len(w.keys), len(w.csrs)
}

// wait waits until something is so; a machine that is busy takes its time.
func wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	for until := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("it does not come to this: %s", what)
		}
	}
}

const generateTwo = "/credentials/keys/generate?validityYears=2"

// TestCut ends connections without an answer, of a socket and in process, with
// the effect, without it, and with a late one.
func TestCut(t *testing.T) {
	for _, tt := range []struct {
		what       string
		now, later int // keys made, at once and in the end
	}{
		{"lost", 1, 1}, {"reset", 0, 0}, {"late:1h", 0, 1},
	} {
		for _, socket := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%t", tt.what, socket), func(t *testing.T) {
				t.Parallel()
				org, srv, later := befallenBy(t, "POST *@1="+tt.what)
				before, _ := org.counts(testApp)
				base, client := "http://sandbox.invalid", &http.Client{Transport: Transport(srv)}
				if socket {
					base, client = serve(t, srv).base, &http.Client{}
					defer client.CloseIdleConnections()
				}
				resp, err := client.Post(base+testApp.Path()+generateTwo, "", nil)
				if err == nil {
					t.Fatalf("it was answered %s", resp.Status)
				}
				if was := errors.Is(err, syscall.ECONNRESET); socket && was != (tt.what == "reset") {
					t.Errorf("reset: %t: %v", was, err)
				}
				if !socket && !errors.Is(err, errDropped) || socket && tt.what == "lost" && !errors.Is(err, io.EOF) {
					t.Errorf("%v", err)
				}
				if keys, _ := org.counts(testApp); keys-before != tt.now {
					t.Errorf("%d keys were made at once, want %d", keys-before, tt.now)
				}
				later.pass()
				if keys, _ := org.counts(testApp); keys-before != tt.later {
					t.Errorf("%d keys were made later, want %d", keys-before, tt.later)
				}
				resp, err = client.Post(base+testApp.Path()+generateTwo, "", nil)
				if err != nil || resp.StatusCode != http.StatusCreated {
					t.Fatalf("the next request: %v", err)
				}
				resp.Body.Close()
				if keys, _ := org.counts(testApp); keys-before != tt.later+1 {
					t.Errorf("%d keys in the end, want %d", keys-before, tt.later+1)
				}
			})
		}
	}
}

// TestCutLog: a request without an answer has the status 0.
func TestCutLog(t *testing.T) {
	org, opt := testOrg(t), testOptions()
	var log strings.Builder
	opt.Log, opt.Faults = &log, []Fault{{Method: "WRITE", Glob: "*", N: 1, Kind: FaultLost}}
	client := &http.Client{Transport: Transport(New(org, opt))}
	for range 2 {
		if resp, err := client.Post("http://x"+testApp.Path()+generateTwo, "", nil); err == nil {
			resp.Body.Close()
		}
	}
	if got := log.String(); strings.Count(got, `"status":0,`) != 1 || strings.Count(got, `"status":201,`) != 1 {
		t.Errorf("%s", got)
	}
}

// TestClientCut: what the client makes of writes without an answer, and that it
// reads on through them.
func TestClientCut(t *testing.T) {
	ctx := context.Background()
	for _, what := range []string{"lost", "reset", "late:50ms"} {
		org := testOrg(t)
		before, _ := org.counts(testApp)
		c := client(t, org, "POST *@1="+what, "GET *@1="+what)
		_, err := c.GenerateKey(ctx, testApp, 2)
		if !okta.OutcomeUnknown(err) {
			t.Errorf("%s: the outcome is known: %v", what, err)
		}
		if _, _, err := c.Keys(ctx, testApp); err != nil {
			t.Errorf("%s: a GET is not tried again: %v", what, err)
		}
		if what != "reset" {
			wait(t, "one key more", func() bool { keys, _ := org.counts(testApp); return keys == before+1 })
		}
	}
}

// TestLateInVain: a late write is refused like any other by what has become of
// the org.
func TestLateInVain(t *testing.T) {
	org, srv, later := befallenBy(t, "DELETE *=late:1h")
	c := serve(t, srv)
	csr := c.want(201, "POST", testApp.Path()+"/credentials/csrs", `{}`).csr(t)
	if err := deleteOnce(c, testApp.Path()+"/credentials/csrs/"+csr.ID); err == nil {
		t.Error("it was answered")
	}
	c.want(200, "GET", testApp.Path()+"/credentials/csrs/"+csr.ID, nil)
	if err := srv.Change(testApp, ChangeRevoke); err != nil {
		t.Fatal(err)
	}
	text := dump(t, org)
	later.pass()
	if dump(t, org) != text {
		t.Error("a late write of what is gone has changed the org")
	}
}

func deleteOnce(c *caller, path string) error {
	req, err := http.NewRequest(http.MethodDelete, c.base+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// TestDelay: what is made is not in the lists for a while, and elsewhere at
// once.
func TestDelay(t *testing.T) {
	_, srv, later := befallenBy(t, "POST *=delay:1h")
	c := serve(t, srv)
	keys, csrs := testApp.Path()+"/credentials/keys", testApp.Path()+"/credentials/csrs"
	before := len(c.want(200, "GET", keys, nil).keys(t))
	key := c.want(201, "POST", testApp.Path()+generateTwo, nil).key(t)
	csr := c.want(201, "POST", csrs, `{}`).csr(t)
	c.want(201, "POST", keys+"/"+key.Kid+"/clone?targetAid="+testTarget.ID, nil)
	c.do("POST", keys+"/"+key.Kid+"/clone?targetAid="+testTarget.ID, nil).refused(t, 400, "E0000001", key.Kid)
	pending := c.want(201, "POST", csrs, `{}`).csr(t)
	published := c.want(201, "POST", csrs+"/"+pending.ID+"/lifecycle/publish", certify(t, pending, 365*days), "Content-Type", okta.TypeDER).key(t)
	app := c.want(200, "GET", testApp.Path(), nil).object(t)
	c.want(200, "PUT", testApp.Path(), app.With("/credentials/signing/kid", key.Kid))
	for _, kid := range []string{key.Kid, published.Kid} {
		c.want(200, "GET", keys+"/"+kid, nil)
	}
	c.want(200, "GET", csrs+"/"+csr.ID, nil)
	listed := func() (list []string) {
		for _, k := range c.want(200, "GET", keys, nil).keys(t)[before:] {
			list = append(list, k.Kid)
		}
		for _, o := range c.want(200, "GET", csrs, nil).objects(t) {
			list = append(list, o.Text("/id"))
		}
		target := c.want(200, "GET", testTarget.Path()+"/credentials/keys", nil).keys(t)
		return append(list, target[len(target)-1].Kid)
	}
	if list := listed(); len(list) != 1 || list[0] == key.Kid {
		t.Errorf("the lists have %q", list)
	}
	later.pass()
	if list, want := listed(), []string{key.Kid, published.Kid, csr.ID, key.Kid}; !slices.Equal(list, want) {
		t.Errorf("then the lists have %q, want %q", list, want)
	}
	if len(srv.hidden) > 0 {
		t.Errorf("%v is kept", srv.hidden)
	}
}

// TestSeveralBefall: delay and change come on top of an answer that is lost.
func TestSeveralBefall(t *testing.T) {
	org, srv, _ := befallenBy(t, "POST */generate=change:label", "POST */generate=delay:1h", "POST */generate@1=lost", "POST */generate=500:after")
	client := &http.Client{Transport: Transport(srv)}
	if _, err := client.Post("http://x"+testApp.Path()+generateTwo, "", nil); err == nil {
		t.Error("it was answered")
	}
	resp, err := client.Post("http://x"+testApp.Path()+generateTwo, "", nil)
	if err != nil || resp.StatusCode != 500 {
		t.Errorf("%v, %v", resp, err)
	}
	w, _ := org.get(testApp)
	if label := w.object.Text("/label"); !strings.HasSuffix(label, " (edited) (edited)") || len(w.keys) != 4 {
		t.Errorf("label %q, %d keys", label, len(w.keys))
	}
	if shown := srv.listed(testApp, w.keys, "kid"); len(shown) != 2 {
		t.Errorf("%d keys are listed", len(shown))
	}
}

// TestLimited: a 429 says when to come back; one for too many at once does not.
func TestLimited(t *testing.T) {
	_, srv, _ := befallenBy(t, "GET *@1=429", "GET *@2=429:concurrency")
	c := serve(t, srv)
	for _, want := range []map[string]string{
		{"X-Rate-Limit-Limit": "1000000", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": fmt.Sprint(testNow.Unix() + 1)},
		{"X-Rate-Limit-Limit": "0", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": fmt.Sprint(testNow.Truncate(time.Minute).Unix() + 60)},
	} {
		r := c.do("GET", testApp.Path(), nil)
		r.refused(t, 429, "E0000047", "")
		want["Date"] = testNow.Format(http.TimeFormat)
		for name, value := range want {
			if got := r.header.Get(name); got != value {
				t.Errorf("%s: %s, want %s", name, got, value)
			}
		}
	}
	c.want(200, "GET", testApp.Path(), nil)
}

// TestReadOnlyMode: one rule refuses all writes and no read.
func TestReadOnlyMode(t *testing.T) {
	org, srv, _ := befallenBy(t, "WRITE *=503")
	before := dump(t, org)
	c := serve(t, srv)
	c.want(200, "GET", testApp.Path(), nil)
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		c.do(method, testApp.Path(), nil).refused(t, 503, "E0000010", "Service is in read only mode")
	}
	if dump(t, org) != before {
		t.Error("the org has changed")
	}
}

// TestStoreBefall: faults act on an org in a file too, and each is saved.
func TestStoreBefall(t *testing.T) {
	t.Parallel()
	opt := testOptions()
	for _, text := range []string{"POST *@1=lost", "POST *@2=late:150ms", "POST *@2=change:label", "GET *@1=change:csr:before"} {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		opt.Faults = append(opt.Faults, f)
	}
	path := filepath.Join(t.TempDir(), "org.json")
	store, other := open(t, path, opt), open(t, path, testOptions())
	client := &http.Client{Transport: Transport(store)}
	for range 2 {
		if _, err := client.Post("http://x"+testApp.Path()+generateTwo, "", nil); !errors.Is(err, errDropped) {
			t.Fatal(err)
		}
	}
	if resp, err := client.Get("http://x" + testApp.Path()); err != nil || resp.StatusCode != 200 {
		t.Fatal(err)
	}
	wait(t, "all is in the file", func() bool {
		org, err := other.Org()
		if err != nil {
			t.Fatal(err)
		}
		keys, csrs := org.counts(testApp)
		object, _ := org.Object(testApp)
		return keys == 4 && csrs == 1 && strings.HasSuffix(object.Text("/label"), " (edited)")
	})
}
