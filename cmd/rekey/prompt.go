package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"example.com/rekey/internal/view"
)

// terminal is the person in front of the program, if there is one.
type terminal interface {
	Is() bool
	// Secret reads a line without showing it.
	Secret(ctx context.Context) (string, error)
}

// tty is the terminal that a file may be.
type tty struct{ file *os.File }

func (t tty) Is() bool { return term.IsTerminal(int(t.file.Fd())) }

func (t tty) Secret(ctx context.Context) (string, error) {
	fd := int(t.file.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	text, err := awaiting(ctx, func() (string, error) {
		line, err := term.ReadPassword(fd)
		return string(line), err
	})
	if ctx.Err() != nil {
		// The reader that hid the input never ends to show it again, and it may
		// only just be about to hide it.
		time.Sleep(settled)
		term.Restore(fd, state)
	}
	return text, err
}

// settled is ample time for a reader to have hidden the input.
const settled = 50 * time.Millisecond

// awaiting calls read and gives up on it when ctx is done: a terminal cannot be
// told to stop reading.
func awaiting(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read()
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return "", errInterrupted
	}
}

var errInterrupted = &exitError{code: exitFailed, message: "interrupted; nothing was written"}

// askSecret asks for a secret on the terminal.
func (a *app) askSecret(ctx context.Context, label string) (string, error) {
	fmt.Fprint(a.stderr, view.Visible(label))
	text, err := a.terminal.Secret(ctx)
	fmt.Fprintln(a.stderr)
	if errors.Is(err, io.EOF) {
		return "", nil
	}
	return text, err
}

// confirm asks a question on the terminal; only y and yes are a yes.
func (a *app) confirm(ctx context.Context, question string) (bool, error) {
	fmt.Fprint(a.stderr, "\n"+view.Visible(question)+" [y/N] ")
	answer, err := awaiting(ctx, func() (string, error) {
		return bufio.NewReader(a.stdin).ReadString('\n')
	})
	if err != nil {
		fmt.Fprintln(a.stderr)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// errUnattended is the refusal to write without somebody to ask.
func errUnattended(verb string) error {
	return usage("there is no terminal to ask on", "add --yes to let `rekey "+verb+"` write without a question")
}
