package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"example.com/rekey/internal/view"
	"example.com/rekey/runner"
)

// face shows a thing in one format. A writer of an output that ends early is
// an error of it.
type face[T any] struct {
	format string
	show   func(io.Writer, T) error
}

// faces are the formats in which a verb shows a thing; the first is its
// default.
type faces[T any] []face[T]

// planFaces are the formats of a plan.
func planFaces() faces[*runner.Plan] {
	return faces[*runner.Plan]{
		{"text", view.PlanText},
		{"markdown", view.PlanMarkdown},
		{"json", planJSON},
		{"html", view.PlanHTML},
	}
}

// runFaces are the formats of a run.
func runFaces() faces[*runFacts] {
	return faces[*runFacts]{
		{"text", showText},
		{"markdown", func(w io.Writer, r *runFacts) error { return view.RunMarkdown(w, r.report(), r.rollback) }},
		{"json", showJSON},
		{"html", showHTML},
	}
}

// runFacts are a run and what its faces need beside it.
type runFacts struct {
	run      *runner.StoredRun
	program  *runner.Program // nil: steps are shown by their ids
	rollback string          // the command that undoes the run
	all      bool            // as text too all is shown
	holds    string          // which owners it keeps from other runs; empty: none
}

// facts are those of a run. Its plan is that which is kept with it, if there is
// one.
func (a *app) facts(local *runner.Local, run *runner.StoredRun) *runFacts {
	r := &runFacts{run: run, rollback: a.rollbackLine(run.Info().ID), holds: holds(local, run.Summary())}
	r.program = texts(local, run)
	return r
}

// texts reads the plan and the playbook that are kept with a run, and notes what
// is wrong with them. The program is nil if there is none.
func texts(local *runner.Local, run *runner.StoredRun) *runner.Program {
	info := run.Info()
	program, err := programOf(run)
	if err != nil {
		problem, cure := explain(err)
		run.Flaws = append(run.Flaws, runner.Flaw{Text: runner.FlawPlaybook, Problem: problem, Cure: cure})
	}
	var bad *runner.PlanError
	if run.Plan, err = local.PlanOf(info); errors.As(err, &bad) {
		run.Flaws = append(run.Flaws, runner.Flaw{Text: runner.FlawPlan, Problem: "the plan kept with run " + info.ID + " cannot be used: " + bad.Err.Error(),
			Cure: "put runs/" + info.ID + "/plan.json in the state folder back as it was"})
	}
	return program
}

func planJSON(w io.Writer, plan *runner.Plan) error {
	data, err := plan.Encode()
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

func showText(w io.Writer, r *runFacts) error {
	show := view.Show
	if r.all {
		show = view.ShowAll
	}
	if err := show(w, r.run, r.program, r.rollback); err != nil || r.holds == "" {
		return err
	}
	_, err := fmt.Fprintln(w, view.Visible(r.holds))
	return err
}

func showJSON(w io.Writer, r *runFacts) error { return view.JSON(w, r.report()) }

func showHTML(w io.Writer, r *runFacts) error {
	return view.RunHTML(w, r.run, r.report(), r.rollback)
}

// report is what is told of the run.
func (r *runFacts) report() *view.Report {
	report := view.NewReport(r.run, r.program, r.rollback)
	report.Holds = r.holds
	return report
}

// formats are the names of the formats.
func (f faces[T]) formats() (out []string) {
	for _, face := range f {
		out = append(out, face.format)
	}
	return out
}

// usage lists the formats in the help of a flag.
func (f faces[T]) usage() string {
	names := f.formats()
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// check refuses a format that is none of them.
func (f faces[T]) check(format string) error { return oneOf("format", format, f.formats()...) }

// show shows the thing in a format that was checked.
func (f faces[T]) show(w io.Writer, format string, thing T) error {
	for _, face := range f {
		if face.format == format {
			return face.show(w, thing)
		}
	}
	return f.check(format)
}
