package runner

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The YAML test suite (github.com/yaml/yaml-test-suite, as the module
// goccy/go-yaml ships it) judges the reader: what is no YAML is refused, what
// is YAML has the suite's value or is refused for one of our reasons.
func TestYAMLTestSuite(t *testing.T) {
	root := suiteFolder(t)
	system := os.DirFS(root)
	cases, _ := fs.Glob(system, "*/in.yaml")
	numbered, _ := fs.Glob(system, "*/*/in.yaml")
	values := 0
	for _, file := range append(cases, numbered...) {
		name := path.Dir(file)
		data, err := fs.ReadFile(system, file)
		if err != nil {
			t.Fatal(err)
		}
		_, notInvalid := fs.Stat(system, name+"/error")
		n, faults := ParseDocument("", data)
		switch {
		case lenient[name]:
		case notInvalid == nil && len(faults) == 0:
			t.Errorf("%s is invalid and was read: %v", name, n.Any())
		case notInvalid != nil && len(faults) > 0 && !slices.ContainsFunc(strict, func(s string) bool { return strings.HasPrefix(faults[0].Message, s) }):
			t.Errorf("%s is valid and was refused: %v", name, faults)
		case len(faults) == 0:
			checkPlaces(t, n, string(data))
			want, err := suiteValue(system, name+"/in.json")
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			values++
			if got := roundTrip(n.Any()); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n got %#v\nwant %#v %v", name, got, want, err)
			}
		}
	}
	t.Logf("%d values", values)
	if values < 120 {
		t.Errorf("only %d values were compared", values)
	}
}

// lenient are cases that we read otherwise than the suite wants: a bracket
// that closes in its parent's column, tabs inside brackets and quotes, and a
// last line of spaces without a line break.
var lenient = map[string]bool{
	"flow-collections-over-many-lines/00": true,
	"tabs-in-various-contexts/003":        true, "tabs-that-look-like-indentation/01": true,
	"trailing-line-of-spaces/01": true, "trailing-whitespace-in-streams/02": true,
}

// strict are the messages that refuse what YAML allows.
var strict = []string{"an anchor", "an alias", "a tag", "a YAML directive", "a second document", "the document is empty",
	"a key written with ?", "a key is missing", "a key that is", "a key without a value", "the key ", "a colon inside a list",
	"a tab in the indentation", "a tab in a text", "a key and its colon in different lines", "a text of several lines that readers",
	"text that readers", "a colon without a space"}

func suiteFolder(t *testing.T) string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/goccy/go-yaml").Output()
	root := filepath.Join(strings.TrimSpace(string(out)), "testdata", "yaml-test-suite")
	if _, stat := os.Stat(root); err != nil || stat != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the YAML test suite is missing", err, stat)
		}
		t.Skip("needs go and the module github.com/goccy/go-yaml, which holds the YAML test suite")
	}
	return root
}

func suiteValue(system fs.FS, name string) (v any, err error) {
	f, err := system.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err = json.NewDecoder(f).Decode(&v); errors.Is(err, io.EOF) {
		err = nil
	}
	return v, err
}

// roundTrip gives numbers the form that JSON gives them.
func roundTrip(v any) (back any) {
	text, _ := json.Marshal(v)
	json.Unmarshal(text, &back)
	return back
}
