package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/view"
)

type doctorFlags struct{ certificate, key, format string }

func (a *app) doctorCommand() *cobra.Command {
	f := &doctorFlags{}
	cmd := &cobra.Command{
		Use: "doctor", Short: "check settings, org, CA and state folder, changing nothing", Args: takes(0, 0, ""),
		Long: `Check what a run will need, a line each: the settings, that the org answers, that
it lets the token or the service app in, what the service app is granted, the
clock, the state folder, and with --ca-certificate and --ca-key the CA. The org
is only read, with a request or two; nothing is changed there or here. A key
that is encrypted is opened with REKEY_INPUT_CA_PASS, if that is set.

Exits with 3 if settings or the CA are invalid, with 1 if the org cannot be
reached or refuses the token, or the state folder cannot be used.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context(), f) },
	}
	a.registerSettings(cmd)
	cmd.Flags().StringVar(&f.certificate, "ca-certificate", "", "check the CA whose certificate is in a PEM `file`")
	cmd.Flags().StringVar(&f.key, "ca-key", "", "check the CA's key in a PEM `file` as well")
	cmd.Flags().StringVar(&f.format, "format", "text", "text or json")
	return cmd
}

// The outcomes of a check.
const (
	checkOK   = "ok"
	checkWarn = "warn"
	checkFail = "fail"
)

// check is what one check found.
type check struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Text   string `json:"text"`
	Cure   string `json:"cure,omitempty"`
	code   int    // of a failure
}

// examination collects checks.
type examination struct {
	app    *app
	checks []check
}

func (e *examination) ok(name, format string, args ...any) {
	e.checks = append(e.checks, check{Check: name, Status: checkOK, Text: fmt.Sprintf(format, args...)})
}

func (e *examination) warn(name, text, cure string) {
	e.checks = append(e.checks, check{Check: name, Status: checkWarn, Text: text, Cure: cure})
}

func (e *examination) fail(code int, name, text, cure string) {
	e.checks = append(e.checks, check{Check: name, Status: checkFail, Text: text, Cure: cure, code: code})
}

// code is what the process exits with: what is to be mended first counts.
func (e *examination) code() (code int) {
	for _, c := range e.checks {
		code = max(code, c.code)
	}
	return code
}

// doctor checks everything that it can, and goes on after a failure.
func (a *app) doctor(ctx context.Context, f *doctorFlags) error {
	if err := oneOf("format", f.format, "text", "json"); err != nil {
		return err
	}
	if f.key != "" && f.certificate == "" {
		return usage("--ca-key is given without --ca-certificate", "give the certificate that belongs to the key")
	}
	e := &examination{app: a}
	s := a.readSettings()
	config := okta.Config{Now: a.now, Sleep: a.sleep, HTTP: a.http, Timeout: a.timeout, UserAgent: "rekey"}
	service := s.apply(ctx, &config, true)
	e.settings(s, service)
	if len(s.problems) == 0 {
		e.org(ctx, config, service)
	}
	if f.certificate != "" {
		e.ca(f)
	}
	e.state()
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err := e.print(f.format); err != nil {
		return err
	}
	return exit(e.code())
}

// settings says how the org is reached, or each fault.
func (e *examination) settings(s *orgSettings, service *serviceApp) {
	for _, p := range s.problems {
		message, cure := explain(p.err())
		e.fail(exitInvalid, "settings", message, cure)
	}
	for _, note := range s.notes {
		e.warn("settings", note, "")
	}
	if len(s.problems) > 0 {
		return
	}
	org := s.last(okta.SettingOrgURL)
	if service != nil {
		e.ok("settings", "%s (%s), as service app %s with its key %s (%s)", org.value, org.origin, service.clientID, service.key.Kind(), s.last(okta.SettingPrivateKey).origin)
		return
	}
	e.ok("settings", "%s (%s), with an API token (%s)", org.value, org.origin, s.token.origin)
}

func (e *examination) print(format string) error {
	if format == "json" {
		return view.JSON(e.app.faceTo("json"), map[string]any{"checks": e.checks, "ok": e.code() == exitOK})
	}
	var rows [][]string
	for _, c := range e.checks {
		text := c.Text
		if c.Cure != "" {
			text += "; " + c.Cure
		}
		rows = append(rows, []string{c.Status, c.Check, text})
	}
	return view.Table(e.app.stdout, rows)
}
