package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
	"example.com/rekey/runner/journal"
)

// recorded is a run as it happened: its state folder, and the org after each of
// its writes.
type recorded struct {
	*lostWorld
	id      string
	state   map[string]string // the files of the state folder by their paths in it
	journal []byte
	before  *sandbox.Org
	moments []afterWrite
}

// afterWrite is the org once a write has taken effect.
type afterWrite struct {
	recorded int // bytes of the journal by then
	org      *sandbox.Org
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// record runs a playbook that does all that it can.
func record(t *testing.T, playbook string) *recorded {
	t.Helper()
	r := &recorded{lostWorld: newLostWorld(t)}
	r.before = r.org.Clone()
	a := r.admin("ada")
	live := a.live
	a.live = roundTripper(func(q *http.Request) (*http.Response, error) {
		resp, err := live.RoundTrip(q)
		if q.Method != http.MethodGet {
			r.moments = append(r.moments, afterWrite{len(r.written(a)), r.org.Clone()})
		}
		return resp, err
	})
	if e := a.rotate(playbook); e.code != exitOK {
		t.Fatalf("exit code %d\n%s", e.code, e.stderr)
	}
	r.id, _ = a.run()
	r.state, r.journal = tree(t, a.state()), r.written(a)
	return r
}

// written is the journal of the admin's only run.
func (r *recorded) written(a *admin) []byte {
	r.t.Helper()
	found, err := filepath.Glob(filepath.Join(a.state(), "runs", "*", "journal.jsonl"))
	if err != nil || len(found) != 1 {
		r.t.Fatalf("the journals are %q, %v", found, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// tree is what is in a folder: each file's mode and content by its path, and
// each folder's mode.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		content := info.Mode().String() + "\n"
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content += string(data)
		}
		found[rel] = content
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// differing are the paths at which two trees differ.
func differing(a, b map[string]string) (paths []string) {
	for _, path := range slices.Sorted(maps.Keys(a)) {
		if b[path] != a[path] {
			paths = append(paths, path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[path]; !ok {
			paths = append(paths, path+" (new)")
		}
	}
	return paths
}

// at puts the state folder back as the run left it but for its journal, which
// becomes text, and the org as it was when the journal had so many bytes.
func (r *recorded) at(text []byte, size int) *admin {
	r.t.Helper()
	r.org = r.before.Clone()
	for _, m := range r.moments {
		if m.recorded <= size {
			r.org = m.org.Clone()
		}
	}
	a := r.admin("ada")
	if err := os.RemoveAll(filepath.Dir(a.state())); err != nil {
		r.t.Fatal(err)
	}
	for path, content := range r.state {
		if strings.HasPrefix(content, "d") {
			continue
		}
		if filepath.Base(path) == "began" && !bytes.Contains(text, []byte("\n")) {
			continue // it is made after the first line
		}
		_, content, _ = strings.Cut(content, "\n")
		if filepath.Base(path) == "journal.jsonl" {
			content = string(text)
		}
		path = filepath.Join(a.state(), path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	return a
}

// dumpOf is an org as commands_test compares it.
func dumpOf(t *testing.T, o *sandbox.Org) (d dumped) {
	t.Helper()
	var b bytes.Buffer
	err := o.Write(&b)
	if err == nil {
		err = json.Unmarshal(b.Bytes(), &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// differs compares the org with what it was before the run.
func (r *recorded) differs(allowed ...allowance) []string {
	r.t.Helper()
	before, after := dumpOf(r.t, r.before), dumpOf(r.t, r.org)
	return append(compare("app/", before.Apps, after.Apps, allowed), compare("idp/", before.IdPs, after.IdPs, allowed)...)
}

// TestLongCutJournalOfARun cuts the journal of a real run at every byte, without
// -long at every eleventh: what is read are exactly the events of the whole
// lines, and they fold.
func TestLongCutJournalOfARun(t *testing.T) {
	r := record(t, "rotate-app-key")
	a := r.at(r.journal, len(r.journal))
	local := &runner.Local{Dir: a.state()}
	whole, err := local.ReadRun(r.id)
	if err != nil {
		t.Fatal(err)
	}
	program, err := programOf(&whole)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(a.state(), "runs", r.id, "journal.jsonl")
	step := 11
	if *long {
		step = 1
	}
	for cut := len(r.journal); cut >= 0; cut -= step { // so that the file need only be cut
		if err := os.Truncate(path, int64(cut)); err != nil {
			t.Fatal(err)
		}
		n, end := bytes.Count(r.journal[:cut], []byte("\n")), bytes.LastIndexByte(r.journal[:cut], '\n')+1
		run, err := local.ReadRun(r.id)
		if n == 0 {
			if err == nil || errors.Is(err, runner.ErrNeverBegan) {
				t.Fatalf("cut at %d, after it began: %v", cut, err)
			}
			continue
		}
		if err != nil || len(run.Events) != n || run.Torn != cut-end {
			t.Fatalf("cut at %d: %d events, %d bytes torn, %v; want %d and %d", cut, len(run.Events), run.Torn, err, n, cut-end)
		}
		if cut-end > step {
			continue
		}
		// Once for each number of lines: which ones they are, and what they come to.
		was, _ := json.Marshal(whole.Events[:n])
		is, _ := json.Marshal(run.Events)
		if !bytes.Equal(was, is) {
			t.Fatalf("cut at %d: other events\n%s\nwant\n%s", cut, is, was)
		}
		m, err := run.Machine(program)
		if err != nil || (m.State() == runner.StateDone) != (n == len(whole.Events)) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

// cutCase is a place to cut a journal, and what is done then.
type cutCase struct {
	at   int
	verb string
}

// cuts are places in the journal: at a line's end, somewhere inside, in front
// of its newline, in turn, with resume or rollback; with -long both, and at more
// places of each.
func (r *recorded) cuts(random *rand.Rand) (all []cutCase) {
	verbs := []string{"resume", "rollback"}
	start := 0
	for i, line := range bytes.SplitAfter(r.journal, []byte("\n")) {
		if len(line) == 0 {
			break
		}
		at := []int{start + len(line), start + 1 + random.IntN(len(line)-2), start + len(line) - 1}
		if *long {
			at = append(at, start+1)
		}
		for k, cut := range at {
			if *long {
				all = append(all, cutCase{cut, verbs[0]}, cutCase{cut, verbs[1]})
			} else if k == i%2 || i%5 == k {
				all = append(all, cutCase{cut, verbs[(i/2+k)%2]})
			}
		}
		start += len(line)
	}
	return all
}

// TestLongCutJournalIsGoneOnWith cuts the journal of a real run in many places, as
// a crash does, the org being as it was then: rekey goes on with the run, or
// undoes it, and never makes a second key or CSR.
func TestLongCutJournalIsGoneOnWith(t *testing.T) {
	for _, playbook := range []string{"rotate-app-key", "rotate-app-csr"} {
		t.Run(playbook, func(t *testing.T) {
			r := record(t, playbook)
			random := rand.New(rand.NewPCG(4, uint64(len(playbook))))
			for _, c := range r.cuts(random) {
				name := fmt.Sprintf("%s, cut at %d of %d", c.verb, c.at, len(r.journal))
				a := r.at(r.journal[:c.at], c.at)
				n, torn := bytes.Count(r.journal[:c.at], []byte("\n")), c.at-bytes.LastIndexByte(r.journal[:c.at], '\n')-1
				keys := len(r.kids(lostApp)) - len(dumpOf(t, r.before).owner(lostApp.ID).Keys)
				if n == 0 {
					r.refused(a, name, neverBegan)
					continue
				}
				if e := a.must(exitOK, "show", r.id, "--verify"); !strings.Contains(e.stdout, fmt.Sprint(": ", n, " line")) || torn > 0 && !strings.Contains(e.stdout+e.stderr, fmt.Sprint(torn, " byte")) {
					t.Errorf("%s: with %d torn bytes, verify says %s%s", name, torn, e.stdout, e.stderr)
				}
				want := exitOK
				if c.verb == "resume" && c.at == len(r.journal) {
					want = exitInvalid // it has ended
				}
				e := a.do(c.verb, r.id, "--yes")
				if e.code != want {
					t.Fatalf("%s: exit code %d\n%s%s", name, e.code, e.stdout, e.stderr)
				}
				allow := allowance{owner: lostApp.String(), least: 1, most: 1, switched: true}
				if c.verb == "rollback" {
					allow = allowance{owner: lostApp.String(), least: keys, most: keys}
				}
				// A CSR whose making was not on record is found, and may be somebody else's: it is named and stays.
				_, run := a.run()
				stays := 0
				for _, residue := range run.Summary().Residues {
					if residue.Kind == "csr" && residue.Effect == runner.Added {
						stays++
					}
				}
				if found := r.differs(allow, allowance{owner: lostApp.String() + "/csrs", least: stays, most: stays}); len(found) > 0 || stays > 1 || stays > 0 && c.verb == "resume" {
					t.Errorf("%s:\n%s\n%s%s", name, strings.Join(found, "\n"), e.stdout, e.stderr)
				}
				if want != exitOK {
					continue
				}
				_, report, err := journal.Read(filepath.Join(a.state(), "runs", r.id, "journal.jsonl"))
				aside, _ := os.ReadFile(filepath.Join(a.state(), "runs", r.id, "journal.jsonl.torn-1"))
				if err != nil || report.Torn > 0 || !bytes.Equal(aside, r.journal[c.at-torn:c.at]) {
					t.Errorf("%s: %+v, %v; %d bytes were set aside of %d", name, report, err, len(aside), torn)
				}
			}
		})
	}
}

func (d dumped) owner(id string) (found dumpedOwner) {
	for _, o := range slices.Concat(d.Apps, d.IdPs) {
		if o.ID == id {
			found = o
		}
	}
	return found
}

// TestLongFlippedJournalOfARun flips bits of the journal of a real run: every verb
// refuses it with the line's number, asks nothing of the org and changes
// nothing. A flip in a torn tail changes nothing about what is read.
func TestLongFlippedJournalOfARun(t *testing.T) {
	r := record(t, "rotate-app-key")
	random := rand.New(rand.NewPCG(5, 6))
	start := 0
	for i, line := range bytes.SplitAfter(r.journal, []byte("\n")) {
		if len(line) == 0 {
			break
		}
		at := []int{random.IntN(len(line) - 1), len(line) - 1}
		if i%4 == 0 || *long {
			at = append(at, 0, len(line)/2, len(line)-2, len(line)-3, len(line)-70)
		}
		for _, k := range at {
			flipped := bytes.Clone(r.journal)
			flipped[start+k] ^= 1 << random.IntN(8)
			a := r.at(flipped, len(flipped))
			want := fmt.Sprintf("is damaged: line %d .*nothing was changed: restore the file from a backup", i+1)
			r.refused(a, fmt.Sprintf("byte %d", start+k), refusal{code: exitBusy, text: want})
		}
		start += len(line)
	}

	// The last line but its newline and one byte, and a bit of it flipped.
	text := bytes.Clone(r.journal[:len(r.journal)-2])
	end := bytes.LastIndexByte(text, '\n') + 1
	for _, k := range []int{end, end + 20, len(text) - 1} {
		flipped := bytes.Clone(text)
		flipped[k] ^= 1
		a := r.at(flipped, len(flipped))
		if e := a.do("resume", r.id, "--yes"); e.code != exitOK {
			t.Errorf("flipped in the torn tail, at %d: exit code %d\n%s%s", k, e.code, e.stdout, e.stderr)
		}
		if found := r.differs(allowance{owner: lostApp.String(), least: 1, most: 1, switched: true}); len(found) > 0 {
			t.Errorf("flipped in the torn tail, at %d:\n%s", k, strings.Join(found, "\n"))
		}
	}
}
