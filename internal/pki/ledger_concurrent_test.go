package pki

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// The child of TestLedgerOfProcesses appends to the ledger of that path.
const ledgerVariable = "REKEY_TEST_LEDGER"

const (
	ledgerProcesses = 3
	ledgerSteps     = 6
	ledgerEach      = 4
)

// appendFleet appends as the steps of a loop do: several goroutines through
// one Ledger and through Ledgers of their own, who look up what they wrote.
func appendFleet(t *testing.T, path, run string) {
	t.Helper()
	shared, err := OpenLedger(path)
	wantError(t, err)
	var group sync.WaitGroup
	for worker := range ledgerSteps {
		group.Go(func() {
			l := shared
			if worker%2 == 1 {
				own, err := OpenLedger(path)
				if err != nil {
					t.Error(err)
					return
				}
				l = own
			}
			for i := range ledgerEach {
				step := fmt.Sprintf("fleet[0oa%d].cert%d", worker, i)
				content := run + step + string(bytes.Repeat([]byte{byte(i)}, 3000))
				if err := l.Append(entry(run, step, content)); err != nil {
					t.Error(err)
				}
				e, ok, err := l.Find(run, step)
				if err != nil || !ok || e.SHA256 != Fingerprint([]byte(content)) {
					t.Errorf("%s/%s: found %t: %v", run, step, ok, err)
				}
			}
		})
	}
	group.Wait()
}

// Goroutines of several processes write to one ledger that does not exist yet:
// each entry is there once, whole, on a line of its own.
func TestLedgerOfProcesses(t *testing.T) {
	if path := os.Getenv(ledgerVariable); path != "" {
		appendFleet(t, path, fmt.Sprint(os.Getpid()))
		return
	}
	path := filepath.Join(t.TempDir(), "state", "ca", "ledger.jsonl")
	var group sync.WaitGroup
	for range ledgerProcesses {
		group.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestLedgerOfProcesses$", "-test.count=1")
			cmd.Env = append(os.Environ(), ledgerVariable+"="+path)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	appendFleet(t, path, "parent")
	group.Wait()
	const want = (ledgerProcesses + 1) * ledgerSteps * ledgerEach
	seen := map[string]bool{}
	err := readLedger(bytes.NewReader(read(t, path)), func(e Entry) { seen[e.Run+"/"+e.Step] = true })
	wantError(t, err)
	if lines := bytes.Count(read(t, path), []byte("\n")); lines != want || len(seen) != want {
		t.Errorf("%d entries on %d lines, want %d", len(seen), lines, want)
	}
}

// One issuer signs for several steps at once, each certificate with a serial
// of its own.
func TestIssueConcurrently(t *testing.T) {
	issuer := newIssuer(t, newRSA(2048), nil)
	der := newCSR(t)
	var mu sync.Mutex
	serials := map[string]bool{}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 3 {
				cert, err := issuer.Issue(Request{CSR: der, Days: 100, Now: now})
				if err != nil {
					t.Error(err)
					return
				}
				parsed, err := x509.ParseCertificate(cert.DER)
				if err != nil || parsed.CheckSignatureFrom(issuer.Certificate) != nil {
					t.Error("a certificate does not verify:", err)
				}
				mu.Lock()
				serials[cert.Serial] = true
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(serials) != 24 {
		t.Errorf("%d serials of 24", len(serials))
	}
}

// Commands that need the sample CA at once get the same one.
func TestSampleCAConcurrently(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sandbox", "ca")
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if _, err := SampleCA(dir, now); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// BenchmarkLedgerFind looks an entry up after the runs of a thousand apps.
func BenchmarkLedgerFind(b *testing.B) {
	path := filepath.Join(b.TempDir(), "ledger.jsonl")
	l, err := OpenLedger(path)
	wantError(b, err)
	for i := range 1000 {
		wantError(b, l.Append(entry("r", fmt.Sprintf("fleet[0oa%d].cert", i), string(bytes.Repeat([]byte{7}, 1200)))))
	}
	for b.Loop() {
		if _, ok, err := l.Find("r", "fleet[0oa7].cert"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
