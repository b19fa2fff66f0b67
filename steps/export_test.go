package steps_test

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// exporting is a world with a certificate to export, and its DER.
func exporting(t *testing.T) (f *fixture, certificate string, der []byte) {
	f = newFixture(t, app)
	certificate = f.certificate()
	der, err := pki.DecodePEM(certificate, "CERTIFICATE")
	if err != nil {
		t.Fatal(err)
	}
	return f, certificate, der
}

// listed are the files below a folder, by their path in it.
func listed(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func requireFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := listed(t, dir)
	for path, text := range want {
		if got[path] != text {
			t.Errorf("%s is %q, want %q", path, got[path], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %v", got)
	}
}

func TestExport(t *testing.T) {
	_, pem, der := exporting(t)
	b64 := base64.StdEncoding.EncodeToString(der)
	for _, tt := range []struct {
		path    string
		formats []string // nil: not given
		want    map[string]string
		paths   []string
	}{
		{"a.pem", nil, map[string]string{"a.pem": pem}, []string{"a.pem"}},
		{"a.crt", []string{"der"}, map[string]string{"a.crt": string(der)}, []string{"a.crt"}},
		{"new/folder/a", []string{"base64"}, map[string]string{"new/folder/a": b64}, []string{"new/folder/a"}},
		{"a.b.crt", []string{"pem", "base64", "der"}, map[string]string{"a.b.pem": pem, "a.b.b64": b64, "a.b.der": string(der)}, []string{"a.b.pem", "a.b.b64", "a.b.der"}},
	} {
		f, dir := newFixture(t, app), t.TempDir()
		in := data{"certificate": pem, "path": filepath.Join(dir, tt.path)}
		if tt.formats != nil {
			in["formats"] = tt.formats
		}
		r := f.run("export_certificate", in).done()
		requireFiles(t, dir, tt.want)
		var paths []any
		for _, p := range tt.paths {
			paths = append(paths, filepath.Join(dir, p))
		}
		if !slices.Equal(r.out()["paths"].([]any), paths) || r.text("sha256") != pki.Fingerprint(der) || len(r.log) > 0 {
			t.Errorf("%v", r.out())
		}
		r.undone()
		requireFiles(t, dir, nil)
		f.undoAgain(t, r)
		requireFiles(t, dir, nil)
	}
}

// Equal content is left alone, and stays when the step is undone; what the step
// created goes.
func TestExportOfWhatIsThere(t *testing.T) {
	f, pem, der := exporting(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.pem"), []byte(pem), 0o600); err != nil {
		t.Fatal(err)
	}
	in := data{"certificate": pem, "path": filepath.Join(dir, "a.pem")}
	r := f.run("export_certificate", in)
	f.unchanged(f.snapshot(), r)
	requireFiles(t, dir, map[string]string{"a.pem": pem})

	in["formats"] = []string{"pem", "der"}
	r = f.run("export_certificate", in).done()
	requireFiles(t, dir, map[string]string{"a.pem": pem, "a.der": string(der)})
	r.undone()
	requireFiles(t, dir, map[string]string{"a.pem": pem})
}

// A file that was changed since is not removed, and is a residue.
func TestExportUndoKeepsChanges(t *testing.T) {
	f, pem, _ := exporting(t)
	path := filepath.Join(t.TempDir(), "a.pem")
	r := f.run("export_certificate", data{"certificate": pem, "path": path}).done()
	if err := os.WriteFile(path, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.undone("file/" + path + " file " + path + " added")
	if text, _ := os.ReadFile(path); string(text) != "changed" {
		t.Errorf("%s", text)
	}
}

// A relative path begins at the working directory of the run, also when it is
// rolled back from another one.
func TestExportToARelativePath(t *testing.T) {
	f, pem, _ := exporting(t)
	here, elsewhere := t.TempDir(), t.TempDir()
	t.Chdir(here)
	r := f.run("export_certificate", data{"certificate": pem, "path": "out/a.pem"}).done()
	requireFiles(t, here, map[string]string{"out/a.pem": pem})
	if paths := r.out()["paths"].([]any); paths[0] != "out/a.pem" {
		t.Errorf("%v", paths)
	}
	t.Chdir(elsewhere)
	r.undone()
	requireFiles(t, here, nil)
}

// brokenFiles fails at the create with that number.
type brokenFiles struct {
	steps.OSFiles
	creates, fail int
}

func (b *brokenFiles) Create(path string, data []byte) error {
	if b.creates++; b.creates == b.fail {
		return errors.New("no space left")
	}
	return b.OSFiles.Create(path, data)
}

// A file that cannot be written is nothing done when it is the first one, and
// a doubt when it is not: then the rollback removes those before it.
func TestExportThatFails(t *testing.T) {
	for fail := 1; fail <= 2; fail++ {
		f, pem, _ := exporting(t)
		f.env.Files = &brokenFiles{fail: fail}
		dir := t.TempDir()
		r := f.start("export_certificate", data{"certificate": pem, "path": filepath.Join(dir, "a"), "formats": []string{"pem", "der"}}, "rollback", nil)
		contains(t, r.failure(), "no space left", "choose another path")
		if r.machine.Written() != (fail == 2) {
			t.Errorf("file %d: written is %v", fail, r.machine.Written())
		}
		if fail == 2 {
			contains(t, strings.Join(r.event(runner.EvRecovered).Warnings, ""), "a.der")
			if r.machine.State() != runner.StateRolledBack {
				t.Error(r.machine.State())
			}
		}
		requireFiles(t, dir, nil)
	}
}

// A process that was killed before it could record what it did.
func TestExportRecovers(t *testing.T) {
	f, pem, _ := exporting(t)
	dir := t.TempDir()
	in := data{"certificate": pem, "path": filepath.Join(dir, "a.pem")}
	r := f.run("export_certificate", in).done()
	out := r.out()
	r.cut(runner.EvDone)
	if r.undone(); r.verdict().Outcome != runner.Happened || r.out()["sha256"] != out["sha256"] {
		t.Errorf("%+v %v", r.verdict(), r.out())
	}
	requireFiles(t, dir, nil)

	r = f.run("export_certificate", in).done()
	r.cut(runner.EvDone)
	if err := os.Remove(filepath.Join(dir, "a.pem")); err != nil {
		t.Fatal(err)
	}
	if r.undone(); r.verdict().Outcome != runner.Not {
		t.Errorf("%+v", r.verdict())
	}
}

// One that was killed between two of its files is not taken for done; to undo
// it, a part is as much as all.
func TestExportOfAPart(t *testing.T) {
	f, pem, _ := exporting(t)
	dir := t.TempDir()
	r := f.run("export_certificate", data{"certificate": pem, "path": filepath.Join(dir, "a.pem"), "formats": []any{"pem", "der"}}).done()
	r.cut(runner.EvDone)
	if err := os.Remove(filepath.Join(dir, "a.der")); err != nil {
		t.Fatal(err)
	}
	r.resume()
	if v := r.verdict(); r.machine.State() != runner.StateStuck || !strings.Contains(v.Reason, "it wrote "+filepath.Join(dir, "a.pem")+", and not "+filepath.Join(dir, "a.der")) {
		t.Errorf("%s, %+v", r.machine.State(), v)
	}
	r.undone()
	requireFiles(t, dir, nil)
}

// OSFiles creates a file whole, once, and leaves nothing else behind.
func TestOSFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x", "y", "a")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = steps.OSFiles{}.Create(path, []byte("one of eight")) })
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if !errors.Is(err, fs.ErrExist) {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d were created", made)
	}
	requireFiles(t, dir, map[string]string{"x/y/a": "one of eight"})
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := (steps.OSFiles{}).Create(filepath.Join(dir, "link"), nil); !errors.Is(err, fs.ErrExist) {
		t.Error("through a dangling link:", err)
	}
	if err := (steps.OSFiles{}).Create(filepath.Join(path, "below-a-file"), nil); err == nil {
		t.Error("a file for a folder")
	}
	for range 2 {
		if err := (steps.OSFiles{}).Remove(path); err != nil {
			t.Error(err)
		}
	}
	if err := (steps.OSFiles{}).Remove(filepath.Join(dir, "gone", "a")); err != nil {
		t.Error(err)
	}
}
