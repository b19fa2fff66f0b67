package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// failpointed are the packages through which a run reaches the disk and the
// network.
var failpointed = []string{"cmd/rekey", "internal/okta", "internal/pki", "runner", "runner/journal", "steps"}

// passedOn are functions of which the callers say where they stand: what they
// do counts where they are called.
var passedOn = []string{
	"runner/journal.writeAll", "runner/journal.syncFolder", "internal/okta.readAll",
	"internal/pki.syncFolder", "internal/pki.syncParents", "steps.syncFolder",
}

// noRun are functions that have no part in a run.
var noRun = map[string]string{
	"(*cmd/rekey.app).sandbox":   "serves the embedded Okta",
	"(*cmd/rekey.app).source":    "reads a playbook, before a run",
	"cmd/rekey.readPlaybook":     "reads it",
	"cmd/rekey.planFrom":         "reads a plan, before a run",
	"(*cmd/rekey.app).makeState": "makes a folder, which is as good empty as not there",
	"cmd/rekey.openEventsFile":   "opens what programs are told into, before a run; its end changes nothing of the run",
	"cmd/rekey.appendTo":         "sums a run up that has stopped",
	"internal/pki.makeSample":    "makes the sandbox's CA",
	"internal/pki.writeFile":     "writes it",
	"runner/journal.openRegular": "opens what is there",
}

// required are sites that must be among those found, and that runs must come
// to.
var required = []string{
	"journal.write", "journal.fsync", "journal.create", "journal.create.fsync", "journal.create.folder", "file.rename",
	"request.send", "request.write", "answer.read", "lock.flock", "claims.take", "plan.use", "run.began", "ledger.fsync", "export.link",
}

// TestFailpoints reads the sources: whatever writes, syncs, renames, sends,
// reads an answer or takes a lock has a failpoint before it and one after it.
// That each of them is missed when it is not there, is tried with each.
func TestFailpoints(t *testing.T) {
	var mu sync.Mutex
	found := map[string]int{}
	t.Run("packages", func(t *testing.T) {
		for _, pkg := range failpointed {
			t.Run(pkg, func(t *testing.T) {
				t.Parallel()
				f, err := readFlanks(pkg)
				if err != nil {
					t.Fatal(err)
				}
				for _, fault := range f.faults(token.NoPos) {
					t.Error(fault)
				}
				for _, hit := range f.hits() {
					if !t.Failed() && len(f.faults(hit.at)) == 0 {
						t.Errorf("%s: nobody would miss %s", f.fset.Position(hit.at), hit.name)
					}
					mu.Lock()
					found[hit.name]++
					mu.Unlock()
				}
			})
		}
	})
	for name, n := range found {
		if n > 1 {
			t.Errorf("there are %d sites of the name %s: a log would not tell which was met", n, name)
		}
	}
	for _, name := range required {
		for _, side := range []string{".before", ".after"} {
			if found[name+side] == 0 {
				t.Errorf("there is no site %s", name+side)
			}
		}
	}
}

// flanks are the functions of a package with what matters in each, in the
// order of the source.
type flanks struct {
	*sources
	functions []function
	passing   []string // of passedOn, those that the package has
}

type function struct {
	name  string
	steps []flank
}

// flank is a failpoint or, without a name, an effect.
type flank struct {
	name   string
	effect string
	at     token.Pos
}

func readFlanks(pkg string) (*flanks, error) {
	f := &flanks{sources: newSources()}
	files, err := f.load("../..", []string{"example.com/rekey/" + pkg})
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			name := short(f.info.Defs[fn.Name].(*types.Func).FullName())
			if slices.Contains(passedOn, name) {
				f.passing = append(f.passing, name)
			} else if noRun[name] == "" {
				f.read(name, fn.Body)
			}
		}
	}
	return f, nil
}

// buildWith builds a program with tags.
func buildWith(tb testing.TB, tags, what string) string {
	out := filepath.Join(tb.TempDir(), "program")
	if text, err := exec.Command("go", "build", "-buildvcs=false", "-tags", tags, "-o", out, what).CombinedOutput(); err != nil {
		tb.Fatalf("go build -tags %s %s: %v: %s", tags, what, err, text)
	}
	return out
}

func short(name string) string { return strings.ReplaceAll(name, "example.com/rekey/", "") }

// read notes the steps of a function; a function within it is one of its own.
func (f *flanks) read(name string, body *ast.BlockStmt) {
	fn := function{name: name}
	dropped := map[ast.Node]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			f.read(name+" (literal)", n.Body)
			return false
		case *ast.ExprStmt:
			dropped[n.X] = true
		case *ast.AssignStmt:
			if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "_" && len(n.Lhs) == 1 {
				dropped[n.Rhs[0]] = true
			}
		case *ast.CallExpr:
			callee := f.calleeOf(n)
			switch short(callee) {
			case "internal/failpoint.Hit":
				fn.steps = append(fn.steps, flank{name: constant.StringVal(f.info.Types[n.Args[0]].Value), at: n.Pos()})
			case "errors.Join":
				for _, arg := range n.Args {
					dropped[arg] = true
				}
			default:
				if f.isEffect(n, short(callee), dropped[n]) {
					fn.steps = append(fn.steps, flank{effect: callee, at: n.Pos()})
				}
			}
		}
		return true
	})
	f.functions = append(f.functions, fn)
}

func (f *flanks) calleeOf(call *ast.CallExpr) string {
	id := (*ast.Ident)(nil)
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		id = fun
	case *ast.SelectorExpr:
		id = fun.Sel
	}
	if fn, ok := f.info.Uses[id].(*types.Func); id != nil && ok {
		return fn.FullName()
	}
	return ""
}

// isEffect tells whether a call has an effect outside the process, or waits
// for one. Who takes a file away and does not ask whether that worked, tidies
// up after a failure.
func (f *flanks) isEffect(call *ast.CallExpr, callee string, dropped bool) bool {
	switch callee {
	case "os.Rename", "os.Link", "os.Symlink", "os.Mkdir", "os.MkdirAll", "os.WriteFile", "os.Create", "os.CreateTemp", "os.Truncate",
		"syscall.Flock", "(*net/http.Client).Do", "io.ReadAll":
		return true
	case "os.Remove", "os.RemoveAll":
		return !dropped
	case "os.OpenFile":
		value := f.info.Types[call.Args[1]].Value
		if value == nil {
			return true
		}
		flag, _ := constant.Int64Val(value)
		return flag&int64(os.O_CREATE) != 0
	}
	if slices.Contains(passedOn, callee) {
		return true
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.info.Selections[sel] == nil {
		return false
	}
	switch sel.Sel.Name {
	case "Sync", "Write", "WriteAt", "WriteString", "ReadFrom", "Truncate":
	default:
		return false
	}
	of := f.info.Selections[sel].Recv()
	method, _, _ := types.LookupFieldOrMethod(of, true, nil, "Sync") // what can be synced is a file
	return method != nil && (sel.Sel.Name != "Truncate" || !dropped)
}

// faults are the effects without a failpoint right before and right after
// them, and the failpoints that lack their other side. The failpoint at
// without is left out.
func (f *flanks) faults(without token.Pos) (faults []string) {
	sides := map[string]bool{}
	for _, fn := range f.functions {
		steps := slices.DeleteFunc(slices.Clone(fn.steps), func(s flank) bool { return s.at == without })
		for i, s := range steps {
			if s.name != "" {
				sides[s.name] = true
				continue
			}
			name, ok := "", false
			if i > 0 && i+1 < len(steps) {
				name, ok = strings.CutSuffix(steps[i-1].name, ".before")
				ok = ok && steps[i+1].name == name+".after"
			}
			if !ok {
				faults = append(faults, fmt.Sprintf("%s: %s, in %s, lacks a failpoint before it or after it", f.fset.Position(s.at), s.effect, fn.name))
			}
		}
	}
	for name := range sides {
		other, before := strings.CutSuffix(name, ".before")
		if before {
			other += ".after"
		} else {
			other = strings.TrimSuffix(name, ".after") + ".before"
		}
		if !sides[other] {
			faults = append(faults, fmt.Sprintf("the failpoint %s lacks %s", name, other))
		}
	}
	return faults
}

func (f *flanks) hits() (found []flank) {
	for _, fn := range f.functions {
		for _, s := range fn.steps {
			if s.name != "" {
				found = append(found, s)
			}
		}
	}
	return found
}

// TestFailpointsAreBuilt only with their tag: without it the program has
// nothing of them, with it each does what it says.
func TestFailpointsAreBuilt(t *testing.T) {
	t.Parallel()
	sites := []string{"REKEY_FAILPOINT", "journal.fsync.before", "request.write.after", "lock.flock.after"}
	without, err := os.ReadFile(build(t, "example.com/rekey/cmd/rekey"))
	if err != nil {
		t.Fatal(err)
	}
	rekey := buildWith(t, "failpoints", "example.com/rekey/cmd/rekey")
	with, err := os.ReadFile(rekey)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range sites {
		if bytes.Contains(without, []byte(text)) {
			t.Errorf("an ordinary build holds %q", text)
		}
		if !bytes.Contains(with, []byte(text)) {
			t.Errorf("a build with failpoints does not hold %q", text)
		}
	}
	log := filepath.Join(t.TempDir(), "log")
	for _, test := range []struct{ setting, want string }{
		{"kill=x", "invalid syntax"}, {"kill=0", "hits count from 1"}, {"die=1", "neither log=FILE nor kill=N"}, {"log=/dev/null/x", "not a directory"},
		{"log=" + log + ",kill=2", ""},
	} {
		cmd := exec.Command(rekey, "run", "activate-app-key", "--sandbox", "--yes")
		cmd.Env = []string{"REKEY_STATE_DIR=" + t.TempDir(), "REKEY_FAILPOINT=" + test.setting}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: %v: %s, want %q", test.setting, err, out, test.want)
		}
	}
	text, err := os.ReadFile(log)
	if lines := strings.Count(string(text), "\n"); err != nil || lines != 2 {
		t.Errorf("killed at the second hit there are %d of them (%v): %s", lines, err, text)
	}
}
