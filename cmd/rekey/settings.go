package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner/binding"
)

// The settings of rekey's own that say where an API token comes from.
const (
	settingTokenFile    = "OKTA_CLIENT_TOKEN_FILE"
	settingTokenCommand = "REKEY_TOKEN_COMMAND"
)

// orgSetting is one that a user can give, in up to four places. Okta's own tools
// read the same names in the same order (Okta: SDK configuration), Terraform's
// provider the aliases.
type orgSetting struct {
	name    string   // in the environment, and in messages
	yaml    string   // below okta.client; "": in no file
	flag    string   // "": none, it is a secret
	aliases []string // in the environment; their name counts first
	does    string   // for help
	secret  bool
}

// known are the settings of an org, in the order in which they are shown.
var known = []orgSetting{
	{name: okta.SettingOrgURL, yaml: "orgUrl", flag: "org-url", does: "address of the org, an `URL`"},
	{name: okta.SettingAuthorizationMode, yaml: "authorizationMode", flag: "authorization-mode", does: "`SSWS|PrivateKey`: sign in with an API token, or as a service app"},
	{name: okta.SettingToken, yaml: "token", aliases: []string{"OKTA_API_TOKEN"}, secret: true},
	{name: settingTokenFile, flag: "token-file", does: "read the API token from a `file` that nobody else can read"},
	{name: settingTokenCommand, flag: "token-command", does: "the API token is the first line that a shell `command` prints"},
	{name: okta.SettingClientID, yaml: "clientId", flag: "client-id", aliases: []string{"OKTA_API_CLIENT_ID"}, does: "`id` of the service app"},
	{name: okta.SettingScopes, yaml: "scopes", flag: "scopes", aliases: []string{"OKTA_API_SCOPES"}, does: "ask for exactly these `scopes` (default: what the playbook needs, no more)"},
	{name: okta.SettingPrivateKey, yaml: "privateKey", flag: "private-key", aliases: []string{"OKTA_API_PRIVATE_KEY"}, secret: true, does: "`file` with the service app's private key, PEM or JWK"},
	{name: okta.SettingPrivateKeyID, yaml: "privateKeyId", flag: "private-key-id", aliases: []string{"OKTA_API_PRIVATE_KEY_ID"}, does: "`id` of that key in the service app (default: the kid of a JWK)"},
}

// registerSettings gives a verb the flags of the settings.
func (a *app) registerSettings(cmd *cobra.Command) {
	for _, s := range known {
		if s.flag == "" {
			continue
		}
		if a.flags == nil {
			a.flags = map[string]*string{}
		}
		value := a.flags[s.flag]
		if value == nil {
			value = new(string)
			a.flags[s.flag] = value
		}
		cmd.Flags().StringVar(value, s.flag, "", s.does+", instead of $"+s.name)
	}
}

// The places that a setting is given in; a later one wins.
const (
	layerHome = iota
	layerFolder
	layerEnvironment
	layerFlag
)

// found is a setting that somebody gave.
type found struct {
	orgSetting
	value  string
	origin string // "okta.yaml:3", "OKTA_API_TOKEN", "--org-url"
	layer  int
	file   string // the settings file that it stands in; "" elsewhere
	alias  bool   // a variable of Terraform's gave it
}

// from names a setting with where it comes from, for a message.
func (f *found) from() string {
	if f.origin == f.name {
		return f.name
	}
	return f.name + " (" + f.origin + ")"
}

// orgSettings are all that was given for an org, and what is wrong with it.
type orgSettings struct {
	app      *app
	all      []*found // in the order of precedence: of one name the last counts
	problems []*problem
	notes    []string // what is no fault, but should be known
	mode     string   // modeToken or modeKey
	modeFrom string   // where the mode comes from
	token    *found   // the token, its file or its command
	unused   map[string]string
	quiet    time.Duration // in place of commandQuiet; 0: that
}

// The modes of signing in, in Okta's words.
const (
	modeToken = "SSWS"
	modeKey   = "PrivateKey"
)

// problem is a setting that cannot be used. It shows no secret.
type problem struct {
	Setting string `json:"setting"`
	Origin  string `json:"origin,omitempty"`
	Problem string `json:"problem"`
	Cure    string `json:"cure"`
}

// err is the problem as the error that a verb ends with.
func (p *problem) err() error {
	where := p.Setting
	if p.Origin != "" && p.Origin != p.Setting {
		where += " (" + p.Origin + ")"
	}
	return invalid(where+" "+p.Problem, p.Cure)
}

// fault notes a problem of a setting; f is nil for one that nobody gave.
func (s *orgSettings) fault(name string, f *found, text, cure string) {
	p := &problem{Setting: name, Problem: text, Cure: cure}
	if f != nil {
		p.Origin = f.origin
	}
	s.problems = append(s.problems, p)
}

// readSettings collects the settings from everywhere and decides which count.
// It sends nothing, and runs no command.
func (a *app) readSettings() *orgSettings {
	s := &orgSettings{app: a, unused: map[string]string{}}
	s.files()
	s.environment()
	for _, k := range known {
		if value := a.flags[k.flag]; k.flag != "" && value != nil && *value != "" {
			s.add(&found{orgSetting: k, value: *value, origin: "--" + k.flag, layer: layerFlag})
		}
	}
	s.chooseToken()
	s.chooseMode()
	return s
}

func (s *orgSettings) add(f *found) {
	if f.value = strings.TrimSpace(f.value); f.value != "" {
		s.all = append(s.all, f)
	}
}

// last is the setting of that name that counts; nil if nobody gave it.
func (s *orgSettings) last(name string) *found {
	for _, f := range slices.Backward(s.all) {
		if f.name == name {
			return f
		}
	}
	return nil
}

// value is a setting's value; "" if nobody gave it.
func (s *orgSettings) value(name string) string {
	if f := s.last(name); f != nil {
		return f.value
	}
	return ""
}

// environment reads Terraform's variables, and Okta's, which override them.
func (s *orgSettings) environment() {
	for _, k := range known {
		own := strings.TrimSpace(s.app.getenv(k.name))
		for _, name := range k.aliases {
			s.add(&found{orgSetting: k, value: s.app.getenv(name), origin: name, layer: layerEnvironment, alias: true})
		}
		if k.name == okta.SettingOrgURL {
			s.orgName(k, own == "")
		}
		s.add(&found{orgSetting: k, value: own, origin: k.name, layer: layerEnvironment})
	}
}

// orgName takes the org's address from Terraform's two variables. What is wrong
// with them is of no account if they do not count.
func (s *orgSettings) orgName(k orgSetting, counts bool) {
	const org, base = "OKTA_ORG_NAME", "OKTA_BASE_URL"
	name, domain := strings.TrimSpace(s.app.getenv(org)), strings.TrimSpace(s.app.getenv(base))
	var wrong *problem
	switch {
	case name == "": // the domain alone is that of many orgs
		return
	case domain == "":
		wrong = &problem{Setting: base, Problem: "is not set, and " + org + " is", Cure: "set it to the domain of the org, such as okta.com, or set " + okta.SettingOrgURL + " instead"}
	case strings.ContainsAny(name+domain, "/:@?#"):
		wrong = &problem{Setting: org, Problem: "and " + base + " are no names of an org and of a domain", Cure: "set them to such as dev-1234 and okta.com"}
	default:
		s.add(&found{orgSetting: k, value: "https://" + name + "." + domain, origin: org + " and " + base, layer: layerEnvironment, alias: true})
	}
	if wrong != nil && counts {
		s.problems = append(s.problems, wrong)
	}
}

// chooseToken decides between the ways in which a token can be given: that of
// the last place counts, and there it is one.
func (s *orgSettings) chooseToken() {
	var ways []*found
	for _, name := range []string{okta.SettingToken, settingTokenFile, settingTokenCommand} {
		if f := s.last(name); f != nil {
			ways = append(ways, f)
		}
	}
	if len(ways) == 0 {
		return
	}
	s.token = slices.MaxFunc(ways, func(a, b *found) int { return cmp.Compare(a.layer, b.layer) })
	for _, f := range ways {
		switch {
		case f == s.token:
		case f.layer == s.token.layer:
			s.fault(s.token.name, s.token, "and "+f.from()+" both give the token", "give one of them")
		default:
			s.unused[f.name] = "the token comes from " + s.token.origin
		}
	}
}

// chooseMode decides how to sign in. What decides is the mode that is given;
// without one what else is given, if that leaves no choice.
func (s *orgSettings) chooseMode() {
	given, app := s.last(okta.SettingAuthorizationMode), s.serviceApp()
	switch {
	case given != nil:
		s.modeFrom = given.origin
		switch {
		case strings.EqualFold(given.value, modeToken):
			s.mode = modeToken
		case strings.EqualFold(given.value, modeKey):
			s.mode = modeKey
		default:
			s.fault(given.name, given, fmt.Sprintf("is %q, which rekey does not know", clipped(given.value)), modeCure(given.value))
		}
	case app != nil && s.token != nil:
		s.fault(okta.SettingAuthorizationMode, nil, "is not set, and both an API token ("+s.token.origin+") and a service app ("+app.origin+") are given",
			"set it to "+modeToken+" to use the token, or to "+modeKey+" to use the service app")
	case app != nil:
		s.mode, s.modeFrom = modeKey, "default: a service app is given"
	default:
		s.mode, s.modeFrom = modeToken, "default"
	}
	s.setAside()
	s.strangeOrg()
}

// strangeOrg notes that the org and what it is given may not belong together:
// a file of the working directory, which may have come with somebody's project,
// says where the user's own token or key goes; or one of them is Okta's variable
// and the other Terraform's, and one of those overrides another.
func (s *orgSettings) strangeOrg() {
	org, with, what := s.last(okta.SettingOrgURL), s.token, "token"
	if s.mode == modeKey {
		with, what = s.last(okta.SettingPrivateKey), "key"
	}
	if org == nil || with == nil {
		return
	}
	mixed := org.layer == layerEnvironment && with.layer == layerEnvironment && org.alias != with.alias
	notOrg, notWith := s.overridden(org), s.overridden(with)
	switch {
	case org.layer == layerFolder && with.layer == layerHome:
		s.notes = append(s.notes, fmt.Sprintf("the org is named in %s, and %s is what %s holds: check that this org is meant", org.origin, with.name, with.origin))
	case mixed && notOrg+notWith != "":
		s.notes = append(s.notes, fmt.Sprintf("the org comes from %s%s, and the %s from %s%s: check that they belong together", org.origin, notOrg, what, with.origin, notWith))
	}
}

// overridden names the variable that gives a setting another value and does not
// count, to follow the one that does; "" if there is none.
func (s *orgSettings) overridden(f *found) string {
	same := func(a, b string) bool { return a == b }
	if f.name == okta.SettingOrgURL {
		same = func(a, b string) bool { return strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/")) }
	}
	for _, other := range s.all {
		if other.name == f.name && other.layer == layerEnvironment && other.alias != f.alias && !same(other.value, f.value) {
			return ", not " + other.origin
		}
	}
	return ""
}

// setAside notes the settings that the mode makes no use of.
func (s *orgSettings) setAside() {
	var names []string
	switch s.mode {
	case modeToken:
		names = []string{okta.SettingClientID, okta.SettingScopes, okta.SettingPrivateKey, okta.SettingPrivateKeyID}
	case modeKey:
		names = []string{okta.SettingToken, settingTokenFile, settingTokenCommand}
	}
	for _, name := range names {
		if s.last(name) != nil {
			s.unused[name] = "the mode is " + s.mode
		}
	}
}

// serviceApp is what names a service app; nil if nothing does.
func (s *orgSettings) serviceApp() *found {
	for _, name := range []string{okta.SettingClientID, okta.SettingPrivateKey} {
		if f := s.last(name); f != nil {
			return f
		}
	}
	return nil
}

func modeCure(value string) string {
	cure := "set it to " + modeToken + " (an API token) or " + modeKey + " (a service app)"
	if near := binding.Suggest(value, []string{modeToken, modeKey}); len(near) > 0 {
		cure = "did you mean " + near[0] + "? " + cure
	}
	return cure
}

// clipped is a short text for a message.
func clipped(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return text
}

// explain gives an error of the client about a setting its origin.
func (s *orgSettings) explain(err error) *problem {
	var e *okta.SettingsError
	if !errors.As(err, &e) {
		return &problem{Setting: okta.SettingOrgURL, Problem: err.Error()}
	}
	p := &problem{Setting: e.Setting, Problem: e.Problem, Cure: e.Cure}
	f := s.last(e.Setting)
	if e.Setting == okta.SettingToken {
		f = s.token
	}
	if f != nil {
		p.Origin = f.origin
	}
	return p
}
