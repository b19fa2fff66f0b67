package sandbox

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/rekey/internal/okta"
)

func open(t testing.TB, path string, opt Options) *Store {
	t.Helper()
	s, err := Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestStore: the org is made at first use, a write is in the file before its
// answer, and the next process goes on there.
func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "sandbox", "org.json")
	one := open(t, path, testOptions())
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(err, info.Mode())
	}
	seeded, _ := os.ReadFile(path)
	if string(seeded) != dump(t, testOrg(t)) {
		t.Error("the new org is not the default org")
	}
	c := serve(t, one)
	c.want(200, "GET", testApp.Path(), nil)
	if now, _ := os.ReadFile(path); !bytes.Equal(now, seeded) {
		t.Error("a read changed the file")
	}
	kid := c.want(201, "POST", testApp.Path()+"/credentials/keys/generate?validityYears=2", nil).key(t).Kid
	if now, _ := os.ReadFile(path); !strings.Contains(string(now), kid) {
		t.Error("the key is not in the file")
	}
	one.Close()
	two := open(t, path, testOptions())
	serve(t, two).want(200, "GET", testApp.Path()+"/credentials/keys/"+kid, nil)
	org, err := two.Org()
	if err != nil {
		t.Fatal(err)
	}
	if w, _ := org.get(testApp); len(w.keys) != 3 {
		t.Errorf("%d keys", len(w.keys))
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// TestTwoStores writes to one file through two Stores at once: nothing is lost
// and each sees what the other did.
func TestTwoStores(t *testing.T) {
	path := filepath.Join(t.TempDir(), "org.json")
	ids := counter()
	opt := testOptions()
	opt.IDs = ids
	clients := []*http.Client{
		{Transport: Transport(open(t, path, opt))},
		{Transport: Transport(open(t, path, opt))},
	}
	const each = 8
	var wg sync.WaitGroup
	for _, client := range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				resp, err := client.Post("http://sandbox"+testApp.Path()+"/credentials/keys/generate?validityYears=2", "", nil)
				if err != nil || resp.StatusCode != 201 {
					t.Error(err, resp)
				}
			}
		}()
	}
	wg.Wait()
	third := open(t, path, opt)
	org, err := third.Org()
	if err != nil {
		t.Fatal(err)
	}
	if w, _ := org.get(testApp); len(w.keys) != 2+2*each {
		t.Errorf("%d keys, want %d", len(w.keys), 2+2*each)
	}
}

// TestStoreDamage: a damaged or vanished file is an error that names it, never
// a new org in its place.
func TestStoreDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "org.json")
	s := open(t, path, testOptions())
	c := serve(t, s)
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.do("GET", testApp.Path(), nil).refused(t, 500, "E0000009", "org.json")
	c.do("GET", "/_sandbox/org", nil).refused(t, 500, "E0000009", "org.json")
	if _, err := Open(path, testOptions()); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("Open: %v", err)
	}
	if now, _ := os.ReadFile(path); string(now) != "{}" {
		t.Error("the damaged file was replaced")
	}
	os.Remove(path)
	c.do("GET", testApp.Path(), nil).refused(t, 500, "E0000009", "start the command again")
}

// TestStoreCannotSave: a write that cannot be saved is not done. The name of
// the file is so long that no temporary file fits beside it.
func TestStoreCannotSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("o", 248))
	if err := os.WriteFile(path, []byte(dump(t, testOrg(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	c := serve(t, open(t, path, testOptions()))
	before := c.want(200, "GET", testApp.Path()+"/credentials/keys", nil).body
	c.do("POST", testApp.Path()+"/credentials/keys/generate?validityYears=2", nil).refused(t, 500, "E0000009", "saved")
	if after := c.want(200, "GET", testApp.Path()+"/credentials/keys", nil).body; !bytes.Equal(before, after) {
		t.Error("the key is there although it was not saved")
	}
}

// TestStoreSwitch runs a switch through a Store: several writes in a row.
func TestStoreSwitch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "org.json")
	c := serve(t, open(t, path, testOptions()))
	kid := c.want(200, "POST", testIdP.Path()+"/credentials/keys/generate?validityYears=2", nil).key(t).Kid
	body := c.want(200, "GET", testIdP.Path(), nil).object(t)
	c.want(200, "PUT", testIdP.Path(), body.With(okta.SigningPointer(okta.IdP), kid))
	d := serve(t, open(t, path, testOptions()))
	if got := d.want(200, "GET", testIdP.Path()+"/credentials/keys/active", nil).keys(t)[0].Kid; got != kid {
		t.Errorf("the active key is %s, want %s", got, kid)
	}
}

func FuzzReadOrg(f *testing.F) {
	o := NewOrg()
	if err := o.Invent(testApp, testNow); err != nil {
		f.Fatal(err)
	}
	o.pairs = map[string]string{} // small inputs
	f.Add([]byte(dump(f, o)))
	f.Add([]byte(dump(f, NewOrg())))
	f.Add([]byte(`{"format":"rekey-sandbox-org/1","apps":[{"id":"-a","keys":[],"csrs":[{"id":"x"}],"metadata":{"k":"<x/>"}}],"idps":[],"private_keys":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		one, err := ReadOrg(bytes.NewReader(data))
		if err != nil {
			return
		}
		text := dump(t, one)
		two, err := ReadOrg(strings.NewReader(text))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, text)
		}
		if dump(t, two) != text {
			t.Error("reading and writing is not stable")
		}
	})
}
