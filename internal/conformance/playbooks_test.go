package conformance

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oasdiff/yaml"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/playbooks"
	"example.com/rekey/steps"
)

// everyStep is a playbook with all step types, for both owners: the ones that
// come with rekey do not need them all.
const everyStep = "testdata/every-step.yaml"

// runPlaybooks has the command rekey run each playbook that comes with it, and
// everyStep, and roll it back.
func runPlaybooks(b *bench) {
	text := must(os.ReadFile(everyStep))(b)
	for _, name := range steps.Catalogue(&steps.Env{}).Names() {
		if !bytes.Contains(text, []byte("\n    "+name+": ")) && !bytes.Contains(text, []byte("\n        "+name+":\n")) {
			b.Errorf("%s has no %s", everyStep, name)
		}
	}
	ca := must(pki.SampleCA(b.TempDir(), time.Now()))(b)
	for _, name := range append(playbooks.Names(), everyStep) {
		b.Run(strings.TrimSuffix(filepath.Base(name), ".yaml"), func(t *testing.T) {
			from := newSender(ourPlaybooks, b.signIn)
			w := &worker{bench: newBench(t, b.judge, setup{signIn: b.signIn, ticks: true, program: from}), dir: t.TempDir(), ca: ca}
			w.playbook(name)
			w.checkScopes(from)
		})
	}
}

// worker is somebody who uses the command rekey.
type worker struct {
	*bench
	dir string // where it works
	ca  pki.Sample
}

var runID = regexp.MustCompile(`(?m)^Run (\S+): done$`)

// playbook runs a playbook and rolls it back.
func (w *worker) playbook(name string) {
	w.Helper()
	text, err := playbooks.Text(name)
	if err != nil {
		text, err = os.ReadFile(name)
		name = must(filepath.Abs(name))(w.bench)
	}
	if err != nil {
		w.Fatal(err)
	}
	inputs, environ := w.inputs(text)
	out := w.rekey(environ, append([]string{"run", name, "--yes"}, inputs...)...)
	id := runID.FindStringSubmatch(out)
	if id == nil {
		w.Fatalf("%s did not end well: %s", name, out)
	}
	if out := w.rekey(environ, "rollback", id[1], "--yes"); !strings.Contains(out, "rolled back") {
		w.Errorf("%s was not rolled back: %s", name, out)
	}
}

// inputs are what a playbook is given, as arguments and in the environment.
func (w *worker) inputs(text []byte) (args, environ []string) {
	w.Helper()
	var playbook struct{ Inputs map[string]map[string]any }
	if err := json.Unmarshal(must(yaml.YAMLToJSON(text))(w.bench), &playbook); err != nil {
		w.Fatal(err)
	}
	all := kinds(w.bench)
	values := map[string]string{
		"app": all[0].owner.ID, "target": all[0].target.ID, "idp": all[1].owner.ID, "idp_target": all[1].target.ID,
		"apps": `["` + all[0].owner.ID + `", "` + all[0].target.ID + `"]`, "activate": "true", "out": filepath.Join(w.dir, "out"),
		"ca_certificate": w.ca.CertificatePath, "ca_key": w.ca.KeyPath,
	}
	owner := okta.Owner{Kind: okta.IdP, ID: values["idp"]}
	if _, ok := playbook.Inputs["app"]; ok {
		owner = okta.Owner{Kind: okta.App, ID: values["app"]}
	}
	values["kid"], _ = w.org.InactiveKey(owner, w.now())
	for name, in := range playbook.Inputs {
		value, known := values[name]
		_, optional := in["default"]
		switch {
		case name == "ca_pass":
			environ = append(environ, "REKEY_INPUT_CA_PASS="+w.ca.Passphrase)
		case known:
			args = append(args, "-i", name+"="+value)
		case !optional:
			w.Fatalf("there is no value for the input %s", name)
		}
	}
	return args, environ
}

// rekey runs the command with a state folder and settings of its own, and
// returns its output.
func (w *worker) rekey(environ []string, args ...string) string {
	w.Helper()
	c := exec.CommandContext(w.Context(), must(command())(w.bench), args...)
	c.Dir = w.dir
	c.Env = append(environ, "HOME="+w.dir, "PATH="+os.Getenv("PATH"), "REKEY_STATE_DIR="+filepath.Join(w.dir, "state"), "OKTA_CLIENT_ORGURL="+w.base)
	if w.signIn == ssws {
		c.Env = append(c.Env, "OKTA_CLIENT_TOKEN="+token)
	} else {
		c.Env = append(c.Env, "OKTA_CLIENT_AUTHORIZATIONMODE=PrivateKey", "OKTA_CLIENT_CLIENTID="+clientID,
			"OKTA_CLIENT_PRIVATEKEY="+pemOf(must(clientKey())(w.bench)), "OKTA_CLIENT_PRIVATEKEYID="+clientKeyID)
	}
	out, err := c.CombinedOutput()
	if err != nil {
		w.Fatalf("rekey %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// checkScopes compares the scopes that were asked for with those that the
// contract wants of the operations that were called.
func (w *worker) checkScopes(from *sender) {
	w.Helper()
	asked, needed := sorted(from.asked), sorted(from.needed)
	if w.signIn != ssws && !slices.Equal(asked, needed) {
		w.Errorf("it asked for the scopes %q, and its calls need %q", asked, needed)
	}
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
