package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"example.com/rekey/internal/okta"
)

// commands are the commands of the scripts beside testscript's own.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"apps":     cmdApps,
	"asbefore": cmdAsBefore,
	"asktoken": cmdAskToken,
	"begin":    cmdBegin,
	"callapi":  cmdCallAPI,
	"cutafter": cmdCutAfter,
	"dump":     cmdDump,
	"ends":     cmdEnds,
	"events":   cmdEvents,
	"exits":    cmdExits,
	"faces":    cmdFaces,
	"forget":   cmdForget,
	"jwkfile":  cmdJWKFile,
	"keyline":  cmdKeyLine,
	"leaked":   cmdLeaked,
	"limits":   cmdLimits,
	"loadenv":  cmdLoadEnv,
	"newest":   cmdNewest,
	"newkey":   cmdNewKey,
	"newpem":   cmdNewPEM,
	"noneof":   cmdNoneOf,
	"proxy":    cmdProxy,
	"release":  cmdRelease,
	"replace":  cmdReplace,
	"requests": cmdRequests,
	"runid":    cmdRunID,
	"sandbox":  cmdSandbox,
	"sent":     cmdSent,
	"setkid":   cmdSetKid,
	"signal":   cmdSignal,
	"stopped":  cmdStopped,
	"typed":    cmdTyped,
	"waitfile": cmdWaitFile,
	"waitheld": cmdWaitHeld,
	"waitlog":  cmdWaitLog,
	"waittext": cmdWaitText,
}

// exits CODE program args…: runs a program that must exit with CODE.
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exited *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exited) {
		got = exited.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// typed TEXT: has a shell carry out the command that the last command printed
// behind TEXT, as who copies it does, and answers yes.
func cmdTyped(ts *testscript.TestScript, _ bool, args []string) {
	_, rest, ok := strings.Cut(ts.ReadFile("stdout"), "\n"+args[0]+": ")
	if !ok {
		ts.Fatalf("there is no line that begins with %q", args[0])
	}
	command, _, _ := strings.Cut(rest, "\n")
	ts.Check(ts.Exec("sh", "-c", command+" --yes"))
}

// replace FILE OLD NEW: replaces a text in a file, where it must occur.
func cmdReplace(ts *testscript.TestScript, _ bool, args []string) {
	before := ts.ReadFile(args[0])
	after := strings.ReplaceAll(before, args[1], args[2])
	if before == after {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(after), 0o600))
}

// loadenv FILE: sets the variables of a file of NAME=value lines.
func cmdLoadEnv(ts *testscript.TestScript, _ bool, args []string) { loadEnv(ts, args[0]) }

func loadEnv(ts *testscript.TestScript, file string) {
	for line := range strings.Lines(ts.ReadFile(file)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		ts.Setenv(name, value)
	}
}

// dump FILE: writes the org of the sandbox to a file.
func cmdDump(ts *testscript.TestScript, _ bool, args []string) {
	answer, err := http.Get(ts.Getenv("OKTA_CLIENT_ORGURL") + "/_sandbox/org")
	ts.Check(err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// waitlog REGEXP: waits until the log of the sandbox has a line that matches.
func cmdWaitLog(ts *testscript.TestScript, _ bool, args []string) {
	awaitText(ts, "requests.log", args[0])
}

// runid NAME: sets a variable to the id of the latest run. Runs of one second
// are told apart by their folders' times.
func cmdRunID(ts *testscript.TestScript, _ bool, args []string) {
	dir := filepath.Join(ts.Getenv("REKEY_STATE_DIR"), "runs")
	entries, err := os.ReadDir(dir)
	ts.Check(err)
	latest, id := time.Time{}, ""
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(dir, e.Name(), "playbook.yaml"))
		ts.Check(err)
		if info.ModTime().After(latest) {
			latest, id = info.ModTime(), e.Name()
		}
	}
	ts.Setenv(args[0], id)
}

// request is a line of the sandbox's log.
type request struct {
	Method, Path string
	Status       int
}

// logged are the requests of the sandbox's log.
func logged(ts *testscript.TestScript) (out []request) {
	for line := range strings.Lines(ts.ReadFile("requests.log")) {
		var r request
		ts.Check(json.Unmarshal([]byte(line), &r))
		out = append(out, r)
	}
	return out
}

// sent none: nothing was sent to the sandbox. sent reads PATH…: nothing but
// GETs was, and at least one for each path or below it.
func cmdSent(ts *testscript.TestScript, _ bool, args []string) {
	requests := logged(ts)
	if args[0] == "none" && len(requests) > 0 {
		ts.Fatalf("%d requests were sent: %v", len(requests), requests)
	}
	for _, r := range requests {
		if r.Method != http.MethodGet {
			ts.Fatalf("%s %s was sent", r.Method, r.Path)
		}
	}
	for _, path := range args[1:] {
		if !slices.ContainsFunc(requests, func(r request) bool { return strings.HasPrefix(r.Path, path) }) {
			ts.Fatalf("nothing was sent to %s", path)
		}
	}
}

// forget: empties the sandbox's log.
func cmdForget(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(os.Truncate(ts.MkAbs("requests.log"), 0))
}

// requests FILE: writes the requests of the sandbox's log to a file, a line
// each, with ids that the org assigned replaced by numbered names.
func cmdRequests(ts *testscript.TestScript, _ bool, args []string) {
	names, counts := map[string]string{}, map[string]int{}
	var out strings.Builder
	for _, r := range logged(ts) {
		fmt.Fprintf(&out, "%s %s %d\n", r.Method, assigned.ReplaceAllStringFunc(r.Path, func(m string) string {
			kind, id, _ := strings.Cut(m, "/")
			if id == "generate" || id == "active" {
				return m
			}
			if names[id] == "" {
				counts[kind]++
				names[id] = fmt.Sprintf("%s-%d", strings.TrimSuffix(kind, "s"), counts[kind])
			}
			return kind + "/" + names[id]
		}), r.Status)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out.String()), 0o600))
}

var assigned = regexp.MustCompile(`(keys|csrs)/[^/?]+`)

// dumped is an org as /_sandbox/org answers it.
type dumped struct{ Apps, IdPs []dumpedOwner }

type dumpedOwner struct {
	ID     string
	Object json.RawMessage
	Keys   []json.RawMessage
	CSRs   []json.RawMessage
}

// asbefore BEFORE AFTER [OWNER:+N[:switched]…] [OWNER/csrs:+N…]: compares two
// dumps of an org. An owner has N keys or CSRs more where an argument says so
// (N as 0-1: that many or fewer), and only there; switched, it signs with the
// newest. OWNER may be a glob; the last argument that fits counts.
func cmdAsBefore(ts *testscript.TestScript, neg bool, args []string) {
	var before, after dumped
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &before))
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &after))
	var all []allowance
	for _, arg := range args[2:] {
		m := allowed.FindStringSubmatch(arg)
		if m == nil {
			ts.Fatalf("%s is no OWNER:+N", arg)
		}
		a := allowance{owner: m[1], switched: m[4] != ""}
		a.most, _ = strconv.Atoi(m[2])
		if a.least = a.most; m[3] != "" {
			a.most, _ = strconv.Atoi(m[3])
		}
		all = append(all, a)
	}
	found := compare("app/", before.Apps, after.Apps, all)
	found = append(found, compare("idp/", before.IdPs, after.IdPs, all)...)
	switch {
	case neg && len(found) == 0:
		ts.Fatalf("the org is as before")
	case !neg && len(found) > 0:
		ts.Fatalf("the org is not as before:\n%s", strings.Join(found, "\n"))
	}
}

var allowed = regexp.MustCompile(`^(.*):\+(\d+)(?:-(\d+))?(:switched)?$`)

// allowance is a difference that is as it should be.
type allowance struct {
	owner       string // a glob
	least, most int    // so many more
	switched    bool   // it signs with the newest key
}

// of is the last of the allowances for an owner.
func of(all []allowance, owner string) (found allowance) {
	for _, a := range all {
		if ok, _ := path.Match(a.owner, owner); ok {
			found = a
		}
	}
	return found
}

func compare(kind string, before, after []dumpedOwner, all []allowance) (found []string) {
	if len(before) != len(after) {
		return []string{fmt.Sprintf("%s: %d owners, then %d", kind, len(before), len(after))}
	}
	for i, b := range before {
		a, id := after[i], kind+b.ID
		allow := of(all, id)
		for _, at := range okta.Differences(b.Object, a.Object) {
			if !allow.switched || !strings.HasSuffix(at, "/signing/kid") {
				found = append(found, id+at)
			}
		}
		if allow.switched && !signsWithNewest(a) {
			found = append(found, id+" does not sign with its newest key")
		}
		found = append(found, compareLists(id, b.Keys, a.Keys, allow)...)
		found = append(found, compareLists(id+"/csrs", b.CSRs, a.CSRs, of(all, id+"/csrs"))...)
	}
	return found
}

func signsWithNewest(o dumpedOwner) bool {
	var key struct{ Kid string }
	if len(o.Keys) == 0 || json.Unmarshal(o.Keys[len(o.Keys)-1], &key) != nil {
		return false
	}
	return strings.Contains(string(o.Object), `"kid":"`+key.Kid+`"`) || strings.Contains(string(o.Object), `"kid": "`+key.Kid+`"`)
}

// compareLists compares what an owner has of a kind: new ones come last.
func compareLists(what string, before, after []json.RawMessage, allow allowance) (found []string) {
	if n := len(after) - len(before); n < allow.least || n > allow.most {
		return []string{fmt.Sprintf("%s: %d more, want %d to %d", what, n, allow.least, allow.most)}
	}
	for _, at := range okta.Differences(before, after[:len(before)]) {
		found = append(found, what+at)
	}
	return found
}

// apps FILE [N]: writes an inputs file for --inputs, {"apps": [id, …]}, with
// the ids of the apps that the sandbox was given by --apps, or the first N of
// them.
func cmdApps(ts *testscript.TestScript, _ bool, args []string) {
	client, err := okta.New(okta.Config{OrgURL: ts.Getenv("OKTA_CLIENT_ORGURL"), Token: ts.Getenv("OKTA_CLIENT_TOKEN")})
	ts.Check(err)
	ids := []string{}
	for object, err := range client.Apps(context.Background(), "") {
		ts.Check(err)
		if id := object.Text("/id"); strings.HasPrefix(id, "0oaFleet") {
			ids = append(ids, id)
		}
	}
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		if n > len(ids) {
			ts.Fatalf("the sandbox has only %d apps of --apps", len(ids))
		}
		ids = ids[:n]
	}
	data, err := json.Marshal(map[string][]string{"apps": ids})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), append(data, '\n'), 0o600))
}

// setkid OWNER INDEX: switches an owner of the sandbox to the key at an index
// of its list, as somebody in the admin console would.
func cmdSetKid(ts *testscript.TestScript, _ bool, args []string) {
	owner, err := okta.ParseOwner(args[0])
	ts.Check(err)
	index, err := strconv.Atoi(args[1])
	ts.Check(err)
	client, err := okta.New(okta.Config{OrgURL: ts.Getenv("OKTA_CLIENT_ORGURL"), Token: ts.Getenv("OKTA_CLIENT_TOKEN")})
	ts.Check(err)
	ctx := context.Background()
	keys, _, err := client.Keys(ctx, owner)
	ts.Check(err)
	object, err := client.Object(ctx, owner)
	ts.Check(err)
	next, change := object.Changed(okta.SigningPointer(owner.Kind), keys[index].Kid)
	ts.Check(client.Replace(ctx, owner, next, change))
}

// waitfile FILE: waits until a file exists.
func cmdWaitFile(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, func() bool {
		_, err := os.Stat(ts.MkAbs(args[0]))
		return err == nil
	}, "there is no %s", args[0])
}

// keyline NAME FILE: sets a variable to a line from the middle of a PEM file.
func cmdKeyLine(ts *testscript.TestScript, _ bool, args []string) {
	lines := strings.Split(ts.ReadFile(args[1]), "\n")
	ts.Setenv(args[0], lines[len(lines)/2])
}

// noneof TEXT… -- PATH…: no file at or below a path holds a text.
func cmdNoneOf(ts *testscript.TestScript, neg bool, args []string) {
	at := slices.Index(args, "--")
	if at < 0 {
		ts.Fatalf("usage: noneof TEXT… -- PATH…")
	}
	files, found := 0, ""
	for _, root := range args[at+1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(root), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name() == "org.json" {
				return err
			}
			data, err := os.ReadFile(path)
			files++
			for _, text := range args[:at] {
				if bytes.Contains(data, []byte(text)) {
					found = fmt.Sprintf("%s holds %q", path, text)
				}
			}
			return err
		}))
	}
	if files == 0 || (found != "") != neg {
		ts.Fatalf("in %d files: %s", files, cmp.Or(found, "nothing was found"))
	}
}
