package view

// Colors says whether a text may have colours. They stress what the words say
// and say nothing by themselves.
type Colors bool

// color is a colour of a terminal, as its code (ECMA-48, SGR).
type color string

const (
	plain  color = ""
	red    color = "31"
	green  color = "32"
	yellow color = "33"
	cyan   color = "36"
)

// meaning is the colour of a line of a run's progress by its first word.
var meaning = map[string]color{
	"ok": green, "recovered": green, "undone": green,
	"failed": red, "not undone": red, "unclear": red,
	"warning": yellow, "again": yellow, "lost": yellow, "not done": yellow, "partly": yellow, "rollback": yellow, "kept": yellow,
	"waiting": cyan, "running": cyan, "planning": cyan, "undoing": cyan, "stopping": yellow, "at work": cyan,
	"reading": cyan, "writing": cyan, "looking": cyan, "rehearsing": cyan,
}

// paint gives a text a colour.
func (c Colors) paint(with color, text string) string {
	if !c || with == plain || text == "" {
		return text
	}
	return "\x1b[" + string(with) + "m" + text + "\x1b[0m"
}

// Bad is a text that tells of an error.
func (c Colors) Bad(text string) string { return c.paint(red, text) }
