package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// TestTerminalInterruptTwice: a second Ctrl-C ends it at once, by that signal, and
// leaves an orderly screen: nothing that was drawn, and the last words on a line
// of their own.
func TestTerminalInterruptTwice(t *testing.T) {
	for name, term := range map[string]string{"drawn": "xterm-256color", "plain": "dumb"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.env = []string{"REKEY_TEST_NOW=", "TERM=" + term}
			d.sandbox("--fail", "POST *@1=hold:1h")
			w := d.open(80, "run", "rotate-app-key", "--yes", "-i", "app=0oa8ae1t5yev2ajDs0h7", "-i", "out=out")
			begun := map[string]string{"drawn": `(?m)^  writing    \ds · generate$`, "plain": `(?m)^Run \S+$`}[name]
			w.await(begun)
			if name == "plain" {
				held(t, d)
			}
			w.pty.WriteString("\x03")
			w.await(`rekey: interrupted: [^°]*undoes it\n`)
			if name == "drawn" {
				w.await(`(?m)^  stopping   `)
			}
			w.pty.WriteString("\x03")
			text := w.end(-1)
			if s := w.cmd.ProcessState.Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGINT {
				t.Errorf("it ended by %v", s.Signal())
			}
			if left := drawnOnly.FindString(text); left != "" {
				t.Errorf("%q is left on the screen:\n%s", left, text)
			}
			if !regexp.MustCompile(`\nrekey: interrupted again: ended at once; [^°]*rekey resume \S+.\n$`).MatchString(text) {
				t.Errorf("the last words are not on a line of their own:\n%s", text)
			}
		})
	}
}

// held waits until the sandbox holds a request.
func held(t *testing.T, d *desk) {
	t.Helper()
	// A journal that says what was seen is on disk before the write is sent.
	for until := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(d.dir, ".local/state/rekey/runs/*/journal.jsonl"))
		if len(files) > 0 {
			if text, _ := os.ReadFile(files[0]); bytes.Contains(text, []byte(`"kind":"observed"`)) {
				return
			}
		}
		if time.Now().After(until) {
			t.Fatal("no write begins")
		}
	}
}
