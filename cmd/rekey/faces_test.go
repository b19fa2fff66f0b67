package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"example.com/rekey/playbooks"
)

// faceFiles are the endings of the golden files, by their formats.
var faceFiles = map[string]string{"text": "txt", "markdown": "md", "json": "json", "html": "html", "mermaid": "mmd", "svg": "svg"}

// TestFaces holds what each face shows of every playbook, of its plan, and of
// runs that end in each way. The clock stands still, randomness comes from a seed,
// paths are relative to the test's folder: nothing differs from one time to the
// next but that folder, and a hash that its name enters.
func TestFaces(t *testing.T) {
	golden, err := filepath.Abs("../../testdata/faces")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range playbooks.Names() {
		t.Run(name, func(t *testing.T) {
			ada := newFaces(t).admin("ada")
			inputs := ada.inputs(name)
			for _, format := range planFaces().formats() {
				e := ada.must(exitOK, append([]string{"plan", name, "--format", format}, inputs...)...)
				sameFace(t, golden, name, format, e.stdout)
			}
			for _, format := range graphFaces().formats() {
				e := ada.must(exitOK, "graph", name, "--format", format)
				sameFace(t, golden, name, format, e.stdout)
			}
		})
	}
	for _, c := range faceRuns() {
		t.Run(c.name, func(t *testing.T) {
			ada := newFaces(t).admin("ada", c.faults...)
			c.run(ada)
			id, run := ada.run()
			here, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			own := strings.NewReplacer(here, "/work", run.Head, strings.Repeat("0", len(run.Head)))
			for _, format := range runFaces().formats() {
				e := ada.must(exitOK, "show", id, "--format", format)
				sameFace(t, golden, c.name, format, own.Replace(e.stdout))
			}
		})
	}
}

// newFaces is a world in which everything is the same each time.
func newFaces(t *testing.T) *lostWorld {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	w := newLostWorld(t)
	t.Chdir(w.dir)
	w.dir = ""
	return w
}

// faceRun is a run of which each face is held.
type faceRun struct {
	name   string
	faults []string
	run    func(*admin)
}

func faceRuns() []faceRun {
	rotate := func(code int, args ...string) func(*admin) {
		return func(a *admin) {
			args := append(append([]string{"run", "rotate-app-csr", "--yes"}, args...), a.inputs("rotate-app-csr")...)
			a.must(code, args...)
		}
	}
	return []faceRun{
		{"run-failed", []string{"PUT */api/v1/apps/*=403"}, rotate(exitStopped, "--on-failure", "keep")},
		{"run-rolled-back", []string{"PUT */api/v1/apps/*=403"}, rotate(exitFailed)},
		{"run-resumed", []string{"POST */csrs@1=500:after"}, func(a *admin) {
			ctx, stop := context.WithCancel(context.Background())
			a.wait = func(context.Context, time.Duration) error { stop(); return context.Canceled }
			a.within(ctx, append([]string{"run", "rotate-app-csr", "--yes"}, a.inputs("rotate-app-csr")...)...)
			a.wait = nil
			a.world.clock.sleep(context.Background(), time.Hour)
			id, _ := a.run()
			a.must(exitOK, "resume", id, "--yes")
		}},
		{"run-stuck", []string{"POST */keys/generate@1=500:after", "POST */keys/generate@1=change:key"}, func(a *admin) {
			a.must(exitStopped, append([]string{"run", "rotate-app-key", "--yes"}, a.inputs("rotate-app-key")...)...)
		}},
	}
}

// style matches the style of a page or a picture: all have the same, which stands
// in internal/view/html.
var style = regexp.MustCompile(`(?s)<style>.*</style>`)

// sameFace compares what a face shows, but for its style, with its golden file.
func sameFace(t *testing.T, dir, name, format, got string) {
	t.Helper()
	if faceFiles[format] == "" {
		t.Fatalf("the files of the format %s have no ending: add it to faceFiles", format)
	}
	path := filepath.Join(dir, name+"."+faceFiles[format])
	got = style.ReplaceAllLiteralString(got, "<style></style>")
	if *update {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	is, should := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	n := 0
	for n < min(len(is), len(should))-1 && is[n] == should[n] {
		n++
	}
	t.Errorf("%s:%d: got\n%.500s\nwant\n%.500s\nif that is right: go test ./cmd/rekey -run TestFaces -update", path, n+1, is[n], should[n])
}
