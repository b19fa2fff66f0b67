package main

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// refusal is how the verbs that read a run refuse it.
type refusal struct {
	code   int
	text   string   // a regular expression for what is said
	id     string   // what the run is called; empty: its id
	verbs  []string // that refuse it, while the others know it; nil: all
	silent bool     // runs does not speak of it
}

// neverBegan is said of a run without a first event. Nobody needs to know of it
// who did not ask.
var neverBegan = refusal{code: exitBusy, text: "never began: nothing was written to the org", silent: true}

// readers are the verbs that read a run, takers those that go on with it.
var (
	takers  = []string{"resume --yes", "rollback --yes"}
	readers = append([]string{"show", "show --format json", "show --verify"}, takers...)
)

// refused has the verbs given a run that they must refuse: nothing is changed,
// and nothing is sent.
func (r *recorded) refused(a *admin, name string, want refusal) {
	r.t.Helper()
	id, verbs := cmp.Or(want.id, r.id), want.verbs
	if verbs == nil {
		verbs = readers
	}
	asked := 0
	live := a.live
	a.live = roundTripper(func(q *http.Request) (*http.Response, error) { asked++; return live.RoundTrip(q) })
	said := regexp.MustCompile("(?s)^rekey: error: .*" + want.text)
	dir := filepath.Dir(a.state())
	before := tree(r.t, dir)
	try := func(args ...string) ended {
		r.t.Helper()
		done := make(chan ended, 1)
		go func() { done <- a.do(args...) }()
		select {
		case e := <-done:
			if changed := differing(before, tree(r.t, dir)); len(changed) > 0 || asked > 0 {
				r.t.Errorf("%s: rekey %s sent %d requests and changed %q", name, strings.Join(args, " "), asked, changed)
			}
			return e
		case <-time.After(patience):
			r.t.Fatalf("%s: rekey %s does not end", name, strings.Join(args, " "))
		}
		return ended{}
	}
	for _, verb := range verbs {
		args := strings.Fields(verb)
		e := try(slices.Insert(args, 1, id)...)
		if e.code != want.code || !said.MatchString(e.stderr) || e.stdout != "" {
			r.t.Errorf("%s: rekey %s: exit code %d, want %d with %q\n%s%s", name, verb, e.code, want.code, want.text, e.stdout, e.stderr)
		}
	}
	e := try("runs")
	listed, warned := strings.Contains(e.stdout, id), strings.Contains(e.stderr, "warning: run "+id+" is left out: ")
	if whole := want.verbs != nil; e.code != exitOK || listed != whole || warned == (whole || want.silent) {
		r.t.Errorf("%s: rekey runs: exit code %d\n%s%s", name, e.code, e.stdout, e.stderr)
	}
}

// chained is a journal with the hashes of its lines computed anew, as package
// journal documents them.
func chained(journal string) string {
	const key, length = `,"hash":"`, len(`,"hash":""}`) + 2*sha256.Size + 1
	var out strings.Builder
	hash := ""
	for line := range strings.Lines(journal) {
		body := line[:len(line)-length]
		hash = fmt.Sprintf("%x", sha256.Sum256([]byte(hash+body)))
		out.WriteString(body + key + hash + "\"}\n")
	}
	return out.String()
}

// TestBadState gives every verb that reads runs the record of one in every bad
// state that it can be in: it says what is wrong and what to do about it, exits
// with the right code, changes nothing and sends nothing.
func TestBadState(t *testing.T) {
	r := record(t, "rotate-app-key")
	cut := strings.Index(string(r.journal), `"kind":"done","step":"generate"`)
	text := string(r.journal[:cut+strings.Index(string(r.journal[cut:]), "\n")+1])
	const lost = "the journal of run .* is missing, so nobody knows what it did; restore .*/journal.jsonl from a backup"
	const emptied = "the journal of run .* has lost its events, so nobody knows what it did; restore .*/journal.jsonl from a backup"
	const other = "the playbook kept with run .*hint: restore runs/.*/playbook.yaml .*SHA-256"
	broken := func(text string) refusal { return refusal{code: exitBusy, text: text} }
	taken := func(text string) refusal { return refusal{code: exitBusy, text: text, verbs: takers} }
	const another = "20990101-000000-abcdef"
	for _, test := range []struct {
		name  string
		spoil func(f spoiled)
		want  refusal
	}{
		{"unknown", func(spoiled) {}, refusal{code: exitUsage, text: "there is no run \"nosuchrun\": `rekey runs` lists the runs", id: "nosuchrun", silent: true}},
		{"a path", func(spoiled) {}, refusal{code: exitUsage, text: "there is no run", id: "../runs/" + r.id, silent: true}},

		{"empty before it began", func(f spoiled) { f.remove("began"); f.write("journal.jsonl", "") }, neverBegan},
		{"a torn first line", func(f spoiled) { f.remove("began"); f.write("journal.jsonl", text[:100]) }, neverBegan},
		{"zeros", func(f spoiled) { f.remove("began"); f.write("journal.jsonl", strings.Repeat("\x00", 4096)) }, neverBegan},
		{"an empty folder", func(f spoiled) {
			for _, name := range []string{"journal.jsonl", "playbook.yaml", "plan.json", "began"} {
				f.remove(name)
			}
		}, neverBegan},
		{"emptied", func(f spoiled) { f.write("journal.jsonl", "") }, broken(emptied)},
		{"cut in its first line", func(f spoiled) { f.write("journal.jsonl", text[:100]) }, broken(emptied)},
		{"zeroed", func(f spoiled) { f.write("journal.jsonl", strings.Repeat("\x00", 4096)) }, broken(emptied)},
		{"a lost journal", func(f spoiled) { f.remove("journal.jsonl") }, broken(lost)},
		{"a lost journal, and texts", func(f spoiled) { f.remove("journal.jsonl"); f.remove("playbook.yaml"); f.remove("plan.json") }, broken(lost)},
		{"a lost journal, and plan", func(f spoiled) { f.remove("journal.jsonl"); f.remove("plan.json") }, broken(lost)},

		{"a folder", func(f spoiled) { f.folder("journal.jsonl") }, broken("it is a folder and no regular file; .*restore the file from a backup")},
		{"a pipe", func(f spoiled) { f.pipe("journal.jsonl") }, broken("it is a pipe and no regular file; .*restore the file from a backup")},
		{"a device", func(f spoiled) { f.link("journal.jsonl", "/dev/null") }, broken("it is a device and no regular file")},
		{"a link to nowhere", func(f spoiled) { f.link("journal.jsonl", "nowhere") }, broken(lost)},
		{"a link to itself", func(f spoiled) { f.link("journal.jsonl", "journal.jsonl") }, broken("too many .*links")},

		{"not JSON", func(f spoiled) { f.write("journal.jsonl", "hello\n"+text) }, broken("damaged: line 1 is not JSON; nothing was changed: restore the file from a backup")},
		{"lines of another version", func(f spoiled) { f.write("journal.jsonl", strings.Replace(text, "{", `{"v":2,`, 1)) },
			broken("damaged: line 1 has not the form .*another version wrote it; nothing was changed: .*use the version that wrote it")},
		{"events of another version", func(f spoiled) {
			f.write("journal.jsonl", chained(strings.Replace(text, `"format":1`, `"format":2`, 1)))
		},
			broken("was recorded in format 2, and this rekey reads 1: use the version that wrote it")},
		{"no first event", func(f spoiled) {
			f.write("journal.jsonl", chained(strings.Replace(text, `"kind":"created"`, `"kind":"creation"`, 1)))
		}, broken("line 1 of its journal: .*use the version that wrote it")},
		{"an event of another version", func(f spoiled) {
			f.write("journal.jsonl", chained(strings.Replace(text, `"kind":"done"`, `"kind":"foretold"`, 1)))
		}, taken("line [0-9]+ of its journal: .*use the version of rekey")},
		{"events in another order", func(f spoiled) {
			lines := slices.Collect(strings.Lines(text))
			again := strings.Replace(lines[1], `"seq":2`, fmt.Sprintf(`"seq":%d`, len(lines)+1), 1)
			f.write("journal.jsonl", chained(text+again))
		}, taken("line [0-9]+ of its journal: .*use the version of rekey")},
		{"a copy", func(f spoiled) { f.copy(another) }, refusal{code: exitBusy, text: "is that of run " + r.id + ": work on that one; this is a copy", id: another}},

		{"no playbook", func(f spoiled) { f.remove("playbook.yaml") }, taken(other)},
		{"an empty playbook", func(f spoiled) { f.write("playbook.yaml", "") }, taken(other)},
		{"another playbook", func(f spoiled) { f.write("playbook.yaml", "nothing: here\n") }, taken(other)},
		{"a remark in the playbook", func(f spoiled) { f.write("playbook.yaml", f.read("playbook.yaml")+"# a remark\n") }, taken(other)},
		{"a folder for a playbook", func(f spoiled) { f.folder("playbook.yaml") }, taken(other)},
		{"a pipe for a playbook", func(f spoiled) { f.pipe("playbook.yaml") }, taken(other)},
		{"a playbook and a torn line", func(f spoiled) { f.write("playbook.yaml", ""); f.write("journal.jsonl", text+"{") }, taken(other)},
	} {
		t.Run(test.name, func(t *testing.T) {
			here := *r
			world := *r.lostWorld
			here.lostWorld, world.t = &world, t
			a := here.at([]byte(text), len(text))
			test.spoil(spoiled{t, filepath.Join(a.state(), "runs", r.id)})
			here.refused(a, test.name, test.want)
		})
	}
}

// spoiled is the folder of a run that is made bad.
type spoiled struct {
	t   *testing.T
	dir string
}

func (f spoiled) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f spoiled) read(name string) string {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.dir, name))
	f.must(err)
	return string(data)
}

func (f spoiled) write(name, text string) {
	f.t.Helper()
	f.must(os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600))
}

func (f spoiled) remove(name string) {
	f.t.Helper()
	f.must(os.Remove(filepath.Join(f.dir, name)))
}

func (f spoiled) folder(name string) {
	f.t.Helper()
	f.remove(name)
	f.must(os.Mkdir(filepath.Join(f.dir, name), 0o700))
}

func (f spoiled) link(name, to string) {
	f.t.Helper()
	f.remove(name)
	f.must(os.Symlink(to, filepath.Join(f.dir, name)))
}

func (f spoiled) pipe(name string) {
	f.t.Helper()
	mkfifo, err := exec.LookPath("mkfifo")
	if err != nil {
		if os.Getenv("CI") == "true" {
			f.t.Fatal("mkfifo is missing")
		}
		f.t.Skip("mkfifo is missing")
	}
	f.remove(name)
	f.must(exec.Command(mkfifo, filepath.Join(f.dir, name)).Run())
}

// copy copies the run's folder to another beside it.
func (f spoiled) copy(name string) {
	f.t.Helper()
	f.must(os.CopyFS(filepath.Join(filepath.Dir(f.dir), name), os.DirFS(f.dir)))
}
