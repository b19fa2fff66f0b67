package view

import (
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/width"
)

// Screen writes to a terminal. Ordinary text goes on it as it comes, its long
// lines broken at blanks so that no word is torn; below it stand a few lines
// that are redrawn in place.
//
// The cursor is never hidden and rests at the beginning of the line below all
// that is drawn: whenever the program ends, however it does, the terminal is in
// order. What is drawn goes with one write, and fits the width that the
// terminal has by then.
//
// A Screen is safe for concurrent use.
type Screen struct {
	To   io.Writer
	Size func() (columns, rows int, ok bool) // as the terminal is now

	mu    sync.Mutex
	drawn []string
	begun bool // the last text ended within a line
	over  bool // the last words are said
}

// Write puts text above what is drawn.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return len(p), nil
	}
	columns, rows := s.size()
	text := string(p)
	if !s.begun {
		text = fold(text, columns)
	}
	if s.begun = !strings.HasSuffix(text, "\n"); s.begun && len(s.drawn) > 0 {
		text += "\n"
		s.begun = false
	}
	_, err := io.WriteString(s.To, s.erase()+text+s.frame(s.drawn, columns, rows))
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Draw puts whole lines of text above, "" for none, and draws lines in place of
// those that were drawn before; without lines nothing is left of them.
func (s *Screen) Draw(above string, lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	columns, rows := s.size()
	if s.begun {
		lines = nil // somebody types there
	}
	erase, before := s.erase(), s.drawn
	above = fold(above, columns)
	text := s.frame(lines, columns, rows)
	if above != "" || !slices.Equal(before, s.drawn) {
		io.WriteString(s.To, erase+above+text) // a terminal that is gone stops no run
		s.begun = s.begun && above == ""
	}
}

// Last takes away what is drawn and writes whole lines of text; of what comes
// after it nothing is written.
func (s *Screen) Last(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	begin := s.erase()
	if begin == "" {
		begin = "\r\n" // somebody may have typed there
	}
	columns, _ := s.size()
	io.WriteString(s.To, begin+fold(text, columns)) // a terminal that is gone stops nothing
	s.drawn, s.over = nil, true
}

// Forget leaves what is drawn as it is: somebody else has written below it.
func (s *Screen) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = nil
}

// Rows is how many lines can be drawn.
func (s *Screen) Rows() int {
	_, rows := s.size()
	return max(rows-2, 1)
}

// Columns is how wide it is.
func (s *Screen) Columns() int {
	columns, _ := s.size()
	return columns
}

// size is that of the terminal, or of the one that programs take for granted.
func (s *Screen) size() (columns, rows int) {
	if columns, rows, ok := s.Size(); ok && columns > 0 && rows > 0 {
		return columns, rows
	}
	return 80, 24
}

// erase erases the drawn lines, each by itself, and what somebody has typed below
// them, and goes to where they began. Where the terminal has become narrower it
// may have broken one of them: of that a rest stays, and nothing above is ever
// erased.
func (s *Screen) erase() string {
	if len(s.drawn) == 0 {
		return ""
	}
	return "\r\x1b[2K" + strings.Repeat("\x1b[A\x1b[2K", len(s.drawn))
}

// frame is what draws lines, each cut to the width, and notes them as drawn.
func (s *Screen) frame(lines []string, columns, rows int) string {
	var b strings.Builder
	s.drawn = nil
	for _, l := range lines[:min(len(lines), max(rows-1, 1))] {
		l = cutTo(l, min(columns-1, Width))
		s.drawn = append(s.drawn, l)
		b.WriteString(l + "\n")
	}
	return b.String()
}

// fold breaks the lines of a text that are wider than a terminal, at blanks,
// and has the rest of each stand below its beginning. A word that is wider
// stays whole.
func fold(text string, columns int) string {
	if columns < 20 {
		return text
	}
	var b strings.Builder
	for l := range strings.Lines(text) {
		end := ""
		if strings.HasSuffix(l, "\n") {
			l, end = l[:len(l)-1], "\n"
		}
		b.WriteString(foldLine(l, columns, hanging(l, columns)) + end)
	}
	return b.String()
}

// foldLine breaks a line; its rest hangs behind so many blanks, or fewer where a
// long word would be torn. A command is a word: it is there to be copied.
func foldLine(l string, columns, hang int) string {
	var b strings.Builder
	l = kept(l)
	for columnsOf(l) > columns {
		rest := strings.TrimLeft(l, " ")
		word, _, _ := strings.Cut(rest, " ")
		l = strings.Repeat(" ", min(len(l)-len(rest), max(columns-columnsOf(word), 0))) + rest
		at := breakAt(l, columns)
		if at < 0 {
			break
		}
		b.WriteString(strings.TrimRight(l[:at], " ") + "\n")
		l = strings.Repeat(" ", hang) + strings.TrimLeft(l[at:], " ")
	}
	return strings.ReplaceAll(b.String()+l, unbroken, " ")
}

// unbroken stands for a blank at which a line is not broken.
const unbroken = "\x02"

// kept keeps commands whole: those in backquotes, and one that ends a line.
func kept(l string) string {
	if before, command, ok := strings.Cut(l, ": rekey "); ok {
		l = before + ": " + strings.ReplaceAll("rekey "+command, " ", unbroken)
	}
	parts := strings.Split(l, "`")
	for i := 1; i < len(parts)-1; i += 2 {
		parts[i] = strings.ReplaceAll(parts[i], " ", unbroken)
	}
	return strings.Join(parts, "`")
}

// rewrapped wraps anew what a page has wrapped, for a narrow terminal.
func rewrapped(text string, columns int) string {
	var b strings.Builder
	for l := range strings.SplitAfterSeq(text, "\n") {
		prefix, _, wrapped := strings.Cut(l, hangs)
		if !wrapped {
			b.WriteString(l)
			continue
		}
		hang := columnsOf(prefix)
		var lines []string
		for i, part := range strings.Split(strings.TrimSuffix(l, "\n"), soft) {
			if i > 0 {
				part = strings.TrimLeft(part, " ")
			}
			lines = append(lines, strings.ReplaceAll(part, hangs, ""))
		}
		if hang > columns/2 {
			hang = 2
		}
		b.WriteString(foldLine(strings.Join(lines, " "), columns, hang) + "\n")
	}
	return b.String()
}

// hanging is where the rest of a line stands: below the text behind a name, or
// below its beginning.
func hanging(l string, columns int) int {
	const most = 20
	bare := unpainted(l)
	begin := len(bare) - len(strings.TrimLeft(bare, " "))
	if gap := strings.Index(bare[begin:], "  "); gap >= 0 {
		at := begin + gap
		at += len(bare[at:]) - len(strings.TrimLeft(bare[at:], " "))
		if at <= most {
			begin = at
		}
	}
	if begin > columns/2 {
		return 0
	}
	return begin
}

// breakAt is where the last blank is at which a line can be broken, so that
// what stands before it fits, or else the first one; -1: there is none.
func breakAt(l string, columns int) int {
	at, used, escaped := -1, 0, false
	begin, end := len(l)-len(strings.TrimLeft(l, " ")), len(strings.TrimRight(l, " "))
	for i, r := range l[:end] {
		switch {
		case r == '\x1b':
			escaped = true
		case escaped:
			escaped = r != 'm'
			continue
		case r == ' ' && i > begin && (used <= columns || at < 0):
			at = i
		}
		if !escaped {
			used += columnsOfRune(r)
		}
		if used > columns && at >= 0 {
			break
		}
	}
	return at
}

// columnsOf is how many columns of a terminal a text takes.
func columnsOf(text string) (n int) {
	for _, r := range unpainted(text) {
		n += columnsOfRune(r)
	}
	return n
}

// columnsOfRune is how many columns a rune takes. Terminals differ; none takes
// more.
func columnsOfRune(r rune) int {
	switch {
	case r < 0x7f, r == 0xfe0f: // which makes a sign before it wide
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth, width.EastAsianAmbiguous:
		return 2
	}
	return 1
}

// unpainted is a text without its colours.
func unpainted(text string) string {
	if !strings.Contains(text, "\x1b") {
		return text
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, text, _ = strings.Cut(rest, "m")
	}
}

// cutTo cuts a text to some columns; what is cut off is marked.
func cutTo(text string, columns int) string {
	if columnsOf(text) <= columns {
		return text
	}
	var b strings.Builder
	used, escaped, painted := 0, false, false
	for _, r := range text {
		switch {
		case r == '\x1b':
			escaped, painted = true, true
		case escaped:
			escaped = r != 'm'
		case used+columnsOfRune(r) > columns-2: // the mark may take two
			b.WriteString(differs)
			if painted {
				b.WriteString("\x1b[0m")
			}
			return b.String()
		default:
			used += columnsOfRune(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
