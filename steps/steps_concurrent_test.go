package steps_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// rotation uses everything that steps reach: the org, the CA, files, people's
// settings.
const rotation = `rekey: 1
playbook: rotation
version: 1.0.0
inputs:
  app: {type: string}
  folder: {type: string}
  ca_certificate: {type: string}
  ca_key: {type: string}
  ca_pass: {type: string, secret: true}
steps:
  - id: before
    generate_key: {app: $<inputs.app>, validity_years: 2}
  - id: csr
    create_csr: {app: $<inputs.app>, subject: {common_name: "$<inputs.app>.example.com"}}
  - id: cert
    sign_with_local_ca:
      csr: $<steps.csr.csr>
      ca: {certificate: $<inputs.ca_certificate>, key: $<inputs.ca_key>, passphrase: $<inputs.ca_pass>}
      days: 365
  - id: publish
    publish_csr: {app: $<inputs.app>, csr_id: $<steps.csr.id>, certificate: $<steps.cert.certificate>}
  - id: export
    export_certificate: {certificate: $<steps.cert.certificate>, path: "$<inputs.folder>/new/$<inputs.app>.pem", formats: [pem, der]}
  - id: switch
    update_app_kid: {app: $<inputs.app>, kid: $<steps.publish.kid>}
`

// A fleet is rotated by many at a time through one Env; some are then undone,
// many at a time as well. Each app ends with what was done to it alone.
func TestStepsShareAnEnv(t *testing.T) {
	const apps = 12
	w := newWorld(t)
	if err := w.org.AddApps(apps); err != nil {
		t.Fatal(err)
	}
	ledger := filepath.Join(w.local.Dir, "ca", "ledger.jsonl")
	w.env.CA = steps.LocalCA{Ledger: ledger, Now: w.clock, Issuers: new(steps.Issuers)}
	playbook, faults := runner.ParsePlaybook("", []byte(rotation))
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	program, faults := runner.Check(playbook, w.catalogue())
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	before, sample, folder := w.snapshot(), ca(t), filepath.Join(t.TempDir(), "out")
	secret := data{"ca_pass": sample.Passphrase}
	var group sync.WaitGroup
	for i := range apps {
		group.Go(func() {
			id := fleetApp(i).ID
			local := &runner.Local{Dir: w.local.Dir, Settle: settle, Clock: w.local.Clock}
			m, err := local.Run(context.Background(), program, w.catalogue(), runner.Spec{
				ID: "run-of-" + id, Org: w.url, Secrets: secret, OnFailure: "keep", StartedAt: w.clock(),
				Inputs: data{"app": id, "folder": folder, "ca_certificate": sample.CertificatePath, "ca_key": sample.KeyPath},
			})
			if err == nil && m.State() == runner.StateDone && i%3 == 0 {
				m, err = local.Rollback(context.Background(), "run-of-"+id, program, w.catalogue(), runner.TakeUp{Secrets: secret})
			}
			if err != nil {
				t.Error(id, err)
			} else if _, why := m.Failure(); why != "" || m.UndoErr() != nil {
				t.Error(id, m.State(), why, m.UndoErr())
			}
		})
	}
	group.Wait()
	book, err := pki.OpenLedger(ledger)
	if err != nil {
		t.Fatal(err)
	}
	for i := range apps {
		o := fleetApp(i)
		entry, ok, err := book.Find("run-of-"+o.ID, "cert")
		if err != nil || !ok {
			t.Fatalf("%s: in the ledger %t, %v", o, ok, err)
		}
		wantRotated(t, w, o, entry.Certificate, filepath.Join(folder, "new", o.ID), i%3 == 0)
		delete(before, o.Path())
		delete(before, o.Path()+"/credentials/keys")
	}
	for path, was := range before {
		if diff := okta.Differences(was, w.get(path)); len(diff) > 0 {
			t.Errorf("%s differs at %q", path, diff)
		}
	}
}

func fleetApp(i int) okta.Owner {
	return okta.Owner{Kind: okta.App, ID: fmt.Sprintf("0oaFleet%05dXs0h7", i+1)}
}

// wantRotated checks what rotation left of an app: two keys more, the second
// certified by our CA and, unless it was undone, active and on disk.
func wantRotated(t *testing.T, w *world, o okta.Owner, certificate, file string, undone bool) {
	t.Helper()
	keys := w.keys(o)
	if len(keys) != 4 || len(w.csrs(o)) != 0 {
		t.Fatalf("%s: %d keys, %d CSRs", o, len(keys), len(w.csrs(o)))
	}
	last := keys[3]
	der, err := last.Certificate()
	if err != nil || pki.CertificatePEM(der) != certificate || !strings.Contains(certificateName(t, der), o.ID) {
		t.Errorf("%s: the new key has another's certificate, or %v", o, err)
	}
	for ending, want := range map[string][]byte{".pem": []byte(certificate), ".der": der} {
		got, err := os.ReadFile(file + ending)
		if undone != errors.Is(err, fs.ErrNotExist) || !undone && !bytes.Equal(got, want) {
			t.Errorf("%s: %s is there: %v", o, ending, err)
		}
	}
	if active := w.active(o); undone == (active == last.Kid) {
		t.Errorf("%s: undone %t, and %s signs", o, undone, active)
	}
}

// Files of many steps go into one folder that is not there yet, whole and each
// once; of several steps that create the same file one succeeds.
func TestOSFilesConcurrently(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	files := steps.OSFiles{}
	var mu sync.Mutex
	made := map[string]int{}
	var group sync.WaitGroup
	for worker := range 12 {
		group.Go(func() {
			for i := range 6 {
				path := filepath.Join(dir, fmt.Sprint(i%3), fmt.Sprintf("%d.pem", i+worker%2*10))
				content := []byte(strings.Repeat(path, 100))
				switch err := files.Create(path, content); {
				case err == nil:
					mu.Lock()
					made[path]++
					mu.Unlock()
				case !errors.Is(err, fs.ErrExist):
					t.Error(err)
				}
				if got, err := files.Read(path); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: %d bytes, %v", path, len(got), err)
				}
			}
		})
	}
	group.Wait()
	want := map[string]string{}
	for path, n := range made {
		if n != 1 {
			t.Errorf("%s was created %d times", path, n)
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = strings.Repeat(path, 100)
	}
	requireFiles(t, dir, want)
}

// Files are created and removed beside each other.
func TestOSFilesComeAndGo(t *testing.T) {
	dir := t.TempDir()
	files := steps.OSFiles{}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			path := filepath.Join(dir, "out", fmt.Sprint(worker))
			for range 5 {
				if err := files.Create(path, []byte("x")); err != nil {
					t.Error(err)
				}
				if err := files.Remove(path); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	requireFiles(t, dir, map[string]string{})
}

// An issuer is opened once, and again only when its files or the passphrase
// are others.
func TestIssuersAreReadOnce(t *testing.T) {
	sample := ca(t)
	paths := steps.CAFiles{Certificate: sample.CertificatePath, Key: sample.KeyPath, Passphrase: sample.Passphrase}
	var issuers steps.Issuers
	var group sync.WaitGroup
	found := make([]*pki.Issuer, 8)
	for i := range found {
		group.Go(func() {
			var err error
			if found[i], err = issuers.Load(paths); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, issuer := range found {
		if issuer == nil || issuer != found[0] {
			t.Error("an issuer was opened twice")
		}
	}
	wrong := paths
	wrong.Passphrase = "wrong"
	if _, err := issuers.Load(wrong); !errors.Is(err, pki.ErrWrongPassphrase) {
		t.Errorf("with a wrong passphrase: %v", err)
	}
	other, err := pki.SampleCA(t.TempDir(), start)
	if err != nil {
		t.Fatal(err)
	}
	paths.Certificate, paths.Key = other.CertificatePath, other.KeyPath
	if issuer, err := issuers.Load(paths); err != nil || issuer == found[0] {
		t.Errorf("another CA: %v", err)
	}
	paths.Key = sample.KeyPath
	if _, err := issuers.Load(paths); !errors.Is(err, pki.ErrKeyMismatch) {
		t.Errorf("the key of another CA: %v", err)
	}
	if _, err := (*steps.Issuers)(nil).Load(paths); !errors.Is(err, pki.ErrKeyMismatch) {
		t.Errorf("without a memory: %v", err)
	}
}

func certificateName(t *testing.T, der []byte) string {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert.Subject.CommonName
}
