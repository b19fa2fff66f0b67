package view

import (
	"io"
	"strconv"
	"strings"
)

// Harmless writes to a log of GitHub Actions in which what it is given to write
// is text alone. There a line that begins with "::", or has "##[" anywhere, is a
// command to the runner (actions/runner, ActionCommand.cs): a label of an org
// must not be one. A blank goes between those signs. Each Write must be of whole
// lines.
type Harmless struct{ To io.Writer }

// Write writes text.
func (h Harmless) Write(p []byte) (int, error) {
	var b strings.Builder
	for l := range strings.Lines(string(p)) {
		if text := strings.TrimSpace(l); strings.HasPrefix(text, "::") {
			l = strings.Replace(l, "::", ": :", 1)
		}
		b.WriteString(strings.ReplaceAll(l, "##[", "## ["))
	}
	if _, err := io.WriteString(h.To, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Annotation is what GitHub shows on top of a workflow's page, and beside a line
// of a file if it is about one.
type Annotation struct {
	Warning bool // else an error
	File    string
	Line    int
	Title   string
	Message string
}

// Command is the annotation as a workflow command (GitHub Docs: Workflow
// commands for GitHub Actions), in a line.
func (a Annotation) Command() string {
	severity := "error"
	if a.Warning {
		severity = "warning"
	}
	var properties []string
	if a.File != "" && a.Line > 0 {
		properties = append(properties, "file="+githubPath(a.File), "line="+strconv.Itoa(a.Line))
	}
	properties = append(properties, "title="+escapeProperty(Visible(a.Title)))
	head := "::" + severity + " " + strings.Join(properties, ",") + "::"
	return head + escapeData(cut(Visible(a.Message), githubTotal-len(head), func(s string) int { return len(escapeData(s)) })) + "\n"
}

// Group begins a part of the log that GitHub folds; [EndGroup] ends it.
func Group(title string) string { return "::group::" + escapeData(Visible(title)) + "\n" }

// EndGroup ends what [Group] began.
const EndGroup = "::endgroup::\n"

// Mask has GitHub hide a secret in all that the workflow's log gets from then
// on. The line holds the secret.
func Mask(secret string) string { return "::add-mask::" + escapeData(secret) + "\n" }
