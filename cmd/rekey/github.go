package main

import (
	"bytes"
	"errors"
	"io"
	"os"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

// onGitHub reports whether this runs in a workflow of GitHub Actions, whose log
// takes commands (GitHub Docs: Workflow commands for GitHub Actions).
func (a *app) onGitHub() bool { return a.getenv("GITHUB_ACTIONS") == "true" }

// tellGitHub gives GitHub a command, which goes past what makes text harmless.
func (a *app) tellGitHub(text string) {
	if a.actions != nil {
		io.WriteString(a.actions, text)
	}
}

// ofPrograms is stderr for what other programs say, which the user has chosen:
// they may have commands for GitHub.
func (a *app) ofPrograms() io.Writer {
	if a.actions != nil {
		return a.actions
	}
	return a.stderr
}

// group begins a part of what is said that a log of GitHub folds; the function
// that it returns ends it.
func (a *app) group(title string) (end func()) {
	if a.quiet {
		return func() {}
	}
	a.tellGitHub(view.Group(title))
	return func() { a.tellGitHub(view.EndGroup) }
}

// leastMasked is how long a secret is that is masked: to hide a shorter one
// would make a log unreadable, and hide nothing that cannot be guessed.
const leastMasked = 4

// mask has GitHub hide a secret that rekey has read from a file or had from a
// command. Of those in the environment GitHub knows: it has shown, or masked,
// the environment of a step before the step began. The secret goes into the
// stream that becomes the log, as the protocol has it, and nowhere else.
func (a *app) mask(secret string) {
	if a.actions == nil || len(secret) < leastMasked || a.redirected() {
		return
	}
	a.tellGitHub(view.Mask(secret))
}

// redirected reports whether stderr is not what GitHub reads, as far as can be
// seen: it is a file on a disk, or the same as stdout, which GitHub gives a pipe
// of its own.
func (a *app) redirected() bool {
	var info [2]os.FileInfo
	for i, w := range a.raw {
		file, ok := w.(*os.File)
		if !ok {
			return false
		}
		var err error
		if info[i], err = file.Stat(); err != nil {
			return true
		}
	}
	return info[1].Mode().IsRegular() || os.SameFile(info[0], info[1])
}

// mostAnnotations is how many errors, and as many warnings, GitHub shows of a
// step of a workflow.
const mostAnnotations = 10

// annotate takes up what of a run is to be put beside the lines of its
// playbook.
func (a *app) annotate(told []view.Told) {
	if a.actions == nil {
		return
	}
	for _, t := range told {
		bad := t.Status == "failed" && t.Event == view.ToldStep || t.Status == "unclear" || t.Status == "not_undone"
		if bad || t.Event == view.ToldWarning {
			a.annotated = append(a.annotated, t)
		}
	}
}

// putAnnotations puts them there.
func (a *app) putAnnotations(program *runner.Program) {
	var n [2]int
	for _, t := range a.annotated {
		kind, note := 0, view.Annotation{Title: "rekey", Message: t.Message}
		if t.Event == view.ToldWarning {
			kind, note.Warning = 1, true
		}
		if t.Step != "" {
			note.Title += ": " + t.Step
		}
		if step := program.Step(t.Step); step != nil {
			note.File, note.Line = a.playbook, step.Pos.Line
		}
		if n[kind]++; n[kind] <= mostAnnotations {
			a.tellGitHub(note.Command())
		}
	}
	a.annotated = nil
}

// annotateError puts an error on top of the workflow's page that is about no
// step.
func (a *app) annotateError(message, hint string) {
	if hint != "" {
		message += " (" + hint + ")"
	}
	a.tellGitHub(view.Annotation{Title: "rekey", Message: message}.Command())
}

// summarize adds a text in Markdown to the summary of the workflow's step. That
// it cannot be added changes nothing else.
func (a *app) summarize(write func(io.Writer) error) {
	name := a.getenv("GITHUB_STEP_SUMMARY")
	if a.actions == nil || name == "" {
		return
	}
	var text bytes.Buffer
	err := write(&text)
	if err == nil {
		err = appendTo(name, append(text.Bytes(), '\n'))
	}
	if err != nil {
		a.note("warning: the step's summary cannot be written: %v", err)
	}
}

func appendTo(name string, text []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// summarizePlan adds a plan to the summary of the workflow's step.
func (a *app) summarizePlan(plan *runner.Plan) {
	a.summarize(func(w io.Writer) error { return planFaces().show(w, "markdown", plan) })
}

// summarizeRun adds how a run stands to the summary of the workflow's step.
func (a *app) summarizeRun(local *runner.Local, run *runner.StoredRun) {
	a.summarize(func(w io.Writer) error { return runFaces().show(w, "markdown", a.facts(local, run)) })
}
