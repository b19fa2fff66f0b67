package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
)

// rateShareFlag lets a verb choose how much of the org's rate limits it uses.
func rateShareFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "rate-share", fmt.Sprintf("%d%%", okta.DefaultShare),
		"use at most this `part` of each rate limit of the org, 1% to 100%, and leave the rest to others; waits for the next minute are shown")
}

// parseShare reads the value of --rate-share, with or without its sign.
func parseShare(text string) (percent int, err error) {
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	switch {
	case err != nil:
		return 0, usage(fmt.Sprintf("--rate-share=%s is no part of a rate limit", text), "give whole percents, such as 50%")
	case n < 1 || n > 100:
		return 0, usage(fmt.Sprintf("--rate-share=%s is not between 1%% and 100%%", text), "give 100% to leave nothing to others, or less")
	}
	return n, nil
}

func checkShare(text string) error {
	_, err := parseShare(text)
	return err
}

// shareOf is what --rate-share says, which was checked.
func shareOf(text string) int {
	if percent, err := parseShare(text); err == nil {
		return percent
	}
	return okta.DefaultShare // it was not given
}

// pace has the clients of an org keep within a share of its limits, together.
func (a *app) pace(c *okta.Config, percent int) {
	c.Pace = okta.NewPacer(percent)
	c.OnWait = func(_ context.Context, w okta.Wait) { a.waits(w) }
}

// rateFlags make the sandbox refuse calls.
func (f *sandboxFlags) rateFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.rateLimit, "rate-limit", "", "refuse calls as Okta does above the limits of a `kind` of org: org, or free")
	cmd.Flags().DurationVar(&f.rateWindow, "rate-window", 0, "with --rate-limit: how long its minute lasts, in whole seconds (default 1m0s)")
}

func (f *sandboxFlags) rates(o *sandbox.Options) error {
	if f.rateLimit != "" {
		if err := oneOf("rate-limit", f.rateLimit, string(sandbox.TierOrg), string(sandbox.TierFree)); err != nil {
			return err
		}
	}
	o.RateLimit, o.RateWindow = sandbox.Tier(f.rateLimit), f.rateWindow
	if f.rateWindow != 0 && f.rateLimit == "" {
		return usage("--rate-window is given without --rate-limit", "add --rate-limit org, or free")
	}
	if err := sandbox.CheckLimits(o.RateLimit, o.RateWindow); err != nil {
		return usage(fmt.Sprintf("--rate-window %s: %v", f.rateWindow, err), "give for instance 5s")
	}
	return nil
}

// lockedWriter is a writer for several goroutines: each Write is whole.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}
