package view

import (
	"io"
	"strings"

	"example.com/rekey/runner"
)

// DiffMarkdown shows what DiffText shows as a comment: in a block of text, in
// which nothing needs escaping but the block's own end.
func DiffMarkdown(w io.Writer, d *PlanDiff, before, after *runner.Plan) error {
	var text strings.Builder
	if err := DiffText(&text, d, before, after); err != nil {
		return err
	}
	title, rest, _ := strings.Cut(strings.TrimRight(text.String(), "\n"), "\n")
	page := mdPage{all: "`--format json` has all."}
	page.part(rankHead, "", "#### "+mdText(title)+"\n\n", "")
	if rest = strings.TrimLeft(rest, "\n"); rest != "" {
		fence := "```"
		for strings.Contains(rest, fence) {
			fence += "`"
		}
		block := page.part(rankSteps, "differences", fence+"text\n", fence+"\n")
		for line := range strings.Lines(rest) {
			block.item("%s", strings.TrimSuffix(line, "\n"))
		}
	}
	_, err := io.WriteString(w, page.String())
	return err
}
