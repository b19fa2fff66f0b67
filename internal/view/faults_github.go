package view

import (
	"fmt"
	"io"
	"strings"
)

// What a command takes at most, in bytes as escaped. A file name beyond that
// names no file any more, but the fault is still told.
const (
	githubFile  = 300
	githubTotal = 1000
)

// CheckGitHub writes a workflow command of GitHub Actions for each fault, an
// error or a warning, on a line of its own; GitHub shows them as annotations
// at their lines (GitHub Docs: Workflow commands for GitHub Actions). Without
// faults it writes nothing.
//
// What came from standard input is in no file that could be annotated: its
// commands name none, and the place stands in front of the message. The same
// goes for a playbook that could not be read, whose message names it.
func CheckGitHub(w io.Writer, checks []Check) error {
	var p page
	for _, c := range checks {
		for _, f := range c.found() {
			p.line(githubCommand(c, f))
		}
	}
	return p.to(w)
}

func githubCommand(c Check, f found) string {
	var properties []string
	message := f.Message
	switch {
	case c.Stdin && f.Line > 0:
		message = fmt.Sprintf("%s:%d:%d: %s", Visible(c.File), f.Line, f.Column, message)
	case c.Stdin:
		message = Visible(c.File) + ": " + message
	case !c.Unread:
		properties = append(properties, "file="+githubPath(c.File))
		if f.Line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d", f.Line), fmt.Sprintf("col=%d", f.Column))
		}
	}
	title := "rekey"
	if f.Name != "" {
		title += ": " + f.Name
	}
	properties = append(properties, "title="+escapeProperty(title))
	if f.Cure != "" {
		message += "\ncure: " + f.Cure
	}
	head := "::" + f.Severity + " " + strings.Join(properties, ",") + "::"
	return head + escapeData(cut(message, githubTotal-len(head), func(s string) int { return len(escapeData(s)) }))
}

// githubPath is a file's name as a property. Line breaks survive, since they
// are escaped; what else could move a cursor is made visible. Of a name that is
// too long the end stays.
func githubPath(file string) string {
	runes := []rune(file)
	path := ""
	for i := len(runes) - 1; i >= 0; i-- {
		one := string(runes[i])
		if one != "\r" && one != "\n" {
			one = Visible(one)
		}
		path = escapeProperty(one) + path
		if i > 0 && len(path) > githubFile {
			return "…" + path
		}
	}
	return path
}

// escapeData and escapeProperty escape as GitHub's own toolkit does
// (actions/toolkit, packages/core/src/command.ts): the percent sign first.
func escapeData(text string) string {
	text = strings.ReplaceAll(text, "%", "%25")
	text = strings.ReplaceAll(text, "\r", "%0D")
	return strings.ReplaceAll(text, "\n", "%0A")
}

func escapeProperty(text string) string {
	text = strings.ReplaceAll(escapeData(text), ":", "%3A")
	return strings.ReplaceAll(text, ",", "%2C")
}
