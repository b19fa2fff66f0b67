package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/view"
)

func (a *app) configCommand() *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use: "config", Short: "show the settings and where each comes from; secrets are not shown", Args: takes(0, 0, ""),
		Long: `Show the settings by which an org is reached, each with its value and where that
comes from. A secret is never shown. Nothing is sent, and a command that prints
the token is not run; rekey doctor does both.

Settings, each overriding the ones before it: okta.client in ~/.okta/okta.yaml,
okta.yaml in the working directory, the environment, flags. The environment may
have them by Terraform's names: OKTA_ORG_NAME with OKTA_BASE_URL, OKTA_API_TOKEN,
OKTA_API_CLIENT_ID, OKTA_API_SCOPES, OKTA_API_PRIVATE_KEY, OKTA_API_PRIVATE_KEY_ID;
Okta's names override those. OKTA_CLIENT_AUTHORIZATIONMODE decides between an
API token (SSWS) and a service app (PrivateKey). Exits with 3 if something is invalid.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.config(cmd.Context(), format) },
	}
	a.registerSettings(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// shownSetting is a setting as `config` shows it.
type shownSetting struct {
	Setting   string   `json:"setting"`
	YAML      string   `json:"yaml,omitempty"` // its name in a settings file
	Flag      string   `json:"flag,omitempty"`
	Set       bool     `json:"set"`
	Secret    bool     `json:"secret"`
	Value     string   `json:"value,omitempty"` // of a secret never
	Origin    string   `json:"origin,omitempty"`
	Overrides []string `json:"overrides,omitempty"` // where else it is given
	Unused    string   `json:"unused,omitempty"`    // why it does not count
}

// config shows the settings.
func (a *app) config(ctx context.Context, format string) error {
	if err := oneOf("format", format, "text", "json"); err != nil {
		return err
	}
	s := a.readSettings()
	s.apply(ctx, &okta.Config{}, false)
	shown := append(s.shown(), a.shownState())
	if format == "json" {
		problems := s.problems
		if problems == nil {
			problems = []*problem{}
		}
		if err := view.JSON(a.faceTo("json"), map[string]any{"settings": shown, "problems": problems}); err != nil {
			return err
		}
	} else if err := printSettings(a, shown); err != nil {
		return err
	}
	for _, note := range s.notes {
		a.note("%s", note)
	}
	for _, p := range s.problems {
		a.report(p.err())
	}
	if len(s.problems) > 0 {
		return exit(exitInvalid)
	}
	return nil
}

// shown are the settings of the org.
func (s *orgSettings) shown() []shownSetting {
	var all []shownSetting
	for _, k := range known {
		one := shownSetting{Setting: k.name, Secret: k.secret}
		if k.yaml != "" {
			one.YAML = "okta.client." + k.yaml
		}
		if k.flag != "" {
			one.Flag = "--" + k.flag
		}
		if f := s.last(k.name); f != nil {
			one.Set, one.Origin, one.Unused = true, f.origin, s.unused[k.name]
			one.Value, one.Secret = f.shown()
			if k.name == okta.SettingAuthorizationMode && s.mode != "" {
				one.Value = s.mode // as Okta writes it
			}
			for _, other := range s.all {
				if other.name == k.name && other != f {
					one.Overrides = append(one.Overrides, other.origin)
				}
			}
		} else if k.name == okta.SettingAuthorizationMode && s.mode != "" {
			one.Value, one.Origin = s.mode, s.modeFrom
		} else if k.name == okta.SettingScopes && s.mode == modeKey {
			one.Value, one.Origin = "what the playbook needs", "default"
		}
		all = append(all, one)
	}
	return all
}

// shown is a setting's value, or that it is a secret. A command can hold one;
// of a key a path is shown.
func (f *found) shown() (value string, secret bool) {
	switch {
	case f.name == okta.SettingOrgURL:
		return withoutPassword(f.value), false
	case f.name == okta.SettingPrivateKey && !inline(f.value) && shownPath(f.value) != "":
		return f.value, false
	case f.secret, f.name == settingTokenCommand, f.name == settingTokenFile && shownPath(f.value) == "":
		return "", true
	}
	return f.value, false
}

// shownState is the state folder.
func (a *app) shownState() shownSetting {
	one := shownSetting{Setting: "REKEY_STATE_DIR", Flag: "--state-dir"}
	dir, err := a.stateFolder()
	if err != nil {
		return one
	}
	one.Value, one.Origin, one.Set = dir, "default", true
	switch {
	case a.stateDir != "":
		one.Origin = one.Flag
	case a.getenv(one.Setting) != "":
		one.Origin = one.Setting
	case one.Value == filepath.Join(a.getenv("XDG_STATE_HOME"), "rekey"):
		one.Origin = "XDG_STATE_HOME"
	}
	return one
}

// withoutPassword is an address without what stands before an @.
func withoutPassword(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return "…" + address[at:]
	}
	return address
}

func printSettings(a *app, all []shownSetting) error {
	rows := [][]string{{"SETTING", "VALUE", "ORIGIN"}}
	for _, s := range all {
		value, origin := s.Value, s.Origin
		switch {
		case s.Set && s.Secret:
			value = "set, not shown"
		case value == "":
			value = "not set"
		}
		for _, other := range s.Overrides {
			origin += ", not " + other
		}
		if s.Unused != "" {
			origin += fmt.Sprintf(" (not used: %s)", s.Unused)
		}
		rows = append(rows, []string{s.Setting, value, origin})
	}
	return view.Table(a.stdout, rows)
}
