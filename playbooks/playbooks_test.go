package playbooks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"example.com/rekey/runner"
	"example.com/rekey/steps"
)

// published holds the digest of every version of every playbook. A line is
// never changed or removed: who has run a version must be able to tell what it
// was. Other content is another version, and a new line.
var published = map[string]string{
	"activate-app-key 1.0.0": "95cbfa311b484df1e5f2b451b30f37323675a94da5b649ffa9cb4f6cead14ba7",
	"activate-idp-key 1.0.0": "574109ab7a05d4f4f6630e880fdd90beeb78637bd2338dae8a5ba38f364a598a",
	"rotate-app-csr 1.0.0":   "70ced003d34f106ab9cbadb697a1a78b153373ab5605728d3dfa19371a4ba2bc",
	"rotate-app-key 1.0.0":   "307bad8db25e83903f955f6f9e8c28df908962baa2003d217b30591b98e84bbe",
	"rotate-fleet-key 1.0.0": "b7543b8f82721c583edfb435131d5b788019655f0c1338a7fbc3c143b25ddf56",
	"rotate-idp-csr 1.0.0":   "2aaa157b96845fa38f12e478285d92b2f3de92bacd244ca25e6e1ab9dc77bfeb",
	"rotate-idp-key 1.0.0":   "14379316f5d7d9f26c2bd4fada1f2411556baf7acc650db6e6d679ad541b8d82",
	"share-app-key 1.0.0":    "4700e7515a2c9718eb1109442d9f1eddc587ec970429d1d324b3b5fe88d58bd2",
	"share-app-key 1.0.1":    "248ff6548cb06bcc2a33c5d616963e7312aaa3b1e1419fc13238554674c654af",
}

func TestContentNeverChangesWithoutANewVersion(t *testing.T) {
	for _, name := range Names() {
		text, err := Text(name)
		if err != nil {
			t.Fatal(err)
		}
		p, faults := runner.ParsePlaybook(name+".yaml", text)
		if faults.Err() != nil {
			t.Fatal(faults)
		}
		if p.Name != name {
			t.Errorf("%s.yaml holds the playbook %s", name, p.Name)
		}
		sum := sha256.Sum256(text)
		key, digest := p.Name+" "+p.Version, hex.EncodeToString(sum[:])
		if published[key] != digest {
			t.Errorf("%s has the digest\n\t%s\nnot the published one; give it a new version and add a line for that", key, digest)
		}
	}
}

func TestAllCheckWithoutAWarning(t *testing.T) {
	catalogue := steps.Catalogue(nil)
	for _, name := range Names() {
		text, err := Text(name)
		if err != nil {
			t.Fatal(err)
		}
		p, faults := runner.ParsePlaybook(name+".yaml", text)
		if faults.Err() == nil {
			_, faults = runner.Check(p, catalogue)
		}
		if len(faults) > 0 {
			t.Error(faults)
		}
	}
}

// A rotation stages first: nothing that users notice happens unless asked for.
func TestRotationsStageByDefault(t *testing.T) {
	for _, name := range []string{"rotate-app-key", "rotate-app-csr", "rotate-idp-key", "rotate-idp-csr", "rotate-fleet-key", "share-app-key"} {
		text, err := Text(name)
		if err != nil {
			t.Fatal(err)
		}
		p, faults := runner.ParsePlaybook(name+".yaml", text)
		if faults.Err() != nil {
			t.Fatal(faults)
		}
		i := slices.IndexFunc(p.Inputs, func(in *runner.Input) bool { return in.Name == "activate" })
		if i < 0 || p.Inputs[i].Default != false {
			t.Errorf("%s: activate is no input with default false", name)
		}
		stages(t, name, p.Steps)
	}
}

func stages(t *testing.T, name string, steps []*runner.StepDecl) {
	t.Helper()
	for _, s := range steps {
		if (s.Type == "update_app_kid" || s.Type == "update_idp_kid") && (s.If == nil || s.If.Value != "$<inputs.activate>") {
			t.Errorf("%s: step %s switches without if: $<inputs.activate>", name, s.ID)
		}
		stages(t, name, s.Steps)
	}
}

// The README explains a playbook as it is, but for the description.
func TestREADMEShowsThePlaybookAsItIs(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := Text("rotate-app-key")
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for line := range strings.Lines(string(text)) {
		described := len(shown) > 0 && strings.HasPrefix(shown[len(shown)-1], "version:") && strings.HasPrefix(line, " ")
		if !described && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "description:") {
			shown = append(shown, line)
		}
	}
	if want := "```yaml\n" + strings.Join(shown, "") + "```\n"; !strings.Contains(string(readme), want) {
		t.Errorf("README.md does not show\n%s", want)
	}
}

func TestUnknownName(t *testing.T) {
	if _, err := Text("../go"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unknown playbook yields %v", err)
	}
}
