package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"example.com/rekey/internal/okta"
)

// commandTime is how long a command may take to print a token: it may ask a
// person. After commandQuiet it is said that it is waited for.
const (
	commandTime  = time.Minute
	commandQuiet = 5 * time.Second
)

// maxSecret bounds a file that holds a token or a key.
const maxSecret = 64 << 10

// readToken gives the token that counts, and whether it may be used. A command
// is run if run says so; otherwise it stands for one.
func (s *orgSettings) readToken(ctx context.Context, run bool) (token string, ok bool) {
	f := s.token
	switch {
	case f == nil:
		return "", true // the client says that there is none
	case f.name == settingTokenFile:
		return s.tokenFile(f)
	case f.name == settingTokenCommand && !run:
		return "not-asked-for", true
	case f.name == settingTokenCommand:
		return s.tokenCommand(ctx, f)
	}
	return f.value, s.private(f)
}

// private refuses a secret in a settings file that others can read.
func (s *orgSettings) private(f *found) bool {
	if f.file == "" || !openToOthers(f.file) {
		return true
	}
	s.fault(f.name, f, "stands in a file that others can read", "chmod 600 "+quoted(f.file)+", and replace the secret if others may have read it")
	return false
}

func (s *orgSettings) tokenFile(f *found) (string, bool) {
	path := s.expand(f.value)
	data, err := readShort(path, maxSecret)
	line, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	switch {
	case err != nil:
		s.fault(f.name, f, "names a file that cannot be read"+shownPath(f.value)+": "+reason(err), "give the path of a file that holds the token alone")
	case line == "":
		s.fault(f.name, f, "names a file that is empty"+shownPath(f.value), "write the token into it")
	case openToOthers(path):
		s.fault(f.name, f, "names a file that others can read"+shownPath(f.value), "chmod 600 "+quoted(path)+", and replace the token if others may have read it")
	default:
		token := strings.TrimSpace(line)
		s.app.mask(token)
		return token, true
	}
	return "", false
}

// tokenCommand runs a command by the shell; what it says on stderr is for the
// user, who may have to answer it.
func (s *orgSettings) tokenCommand(ctx context.Context, f *found) (string, bool) {
	const cure = "try it by itself: the first line that it prints is the token"
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", f.value)
	out := printed{enough: cancel}
	cmd.Stdout, cmd.Stderr = &out, s.app.ofPrograms()
	cmd.WaitDelay = time.Second // for what it left behind
	said := make(chan struct{})
	waiting := time.AfterFunc(cmp.Or(s.quiet, commandQuiet), func() {
		s.app.note("the command of %s is waited for, %s at most", f.from(), commandTime)
		close(said)
	})
	err := cmd.Run()
	if !waiting.Stop() {
		<-said
	}
	var exited *exec.ExitError
	line, _, _ := strings.Cut(string(out.text), "\n")
	line = strings.TrimSpace(line)
	switch {
	case out.tooLong:
		s.fault(f.name, f, fmt.Sprintf("is a command that prints more than %d KiB", maxSecret>>10), cure)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		s.fault(f.name, f, fmt.Sprintf("is a command that did not end within %s", commandTime), cure)
	case ctx.Err() != nil:
		s.fault(f.name, f, "is a command that was interrupted", "start again")
	case errors.As(err, &exited):
		s.fault(f.name, f, "is a command that failed with "+exited.ProcessState.String(), cure)
	case err != nil && line == "":
		s.fault(f.name, f, "is a command that cannot be run: "+reason(err), cure)
	case line == "":
		s.fault(f.name, f, "is a command whose first line is empty", cure)
	default:
		s.app.mask(line)
		return line, true
	}
	return "", false
}

// printed is what a command prints. One that prints too much is ended.
type printed struct {
	text    []byte
	tooLong bool
	enough  func()
}

func (p *printed) Write(text []byte) (int, error) {
	if len(p.text)+len(text) > maxSecret {
		p.tooLong = true
		p.enough()
		return 0, errors.New("it prints too much")
	}
	p.text = append(p.text, text...)
	return len(text), nil
}

// inline reports whether a text is a key itself and no path: PEM or JWK.
func inline(text string) bool {
	return strings.Contains(text, "-----BEGIN ") || strings.HasPrefix(text, "{")
}

// readKey reads the service app's private key, from the setting or the file
// that it names. Nil: a problem was noted.
func (s *orgSettings) readKey() *okta.SigningKey {
	f := s.last(okta.SettingPrivateKey)
	if f == nil {
		s.fault(okta.SettingPrivateKey, nil, "is not set", "set it to the private key of the service app, PEM or JWK, or to the path of a file that holds it")
		return nil
	}
	text := []byte(f.value)
	switch path := s.expand(f.value); {
	case inline(f.value) && f.layer == layerFlag:
		s.fault(f.name, f, "holds the key itself, and others can see the command line", "give the path of a file, or set "+f.name)
		return nil
	case inline(f.value):
		if !s.private(f) {
			return nil
		}
	default:
		data, err := readShort(path, maxSecret)
		if err != nil {
			s.fault(f.name, f, "is neither PEM nor a JWK, and names no file that can be read"+shownPath(f.value)+": "+reason(err), "give the key, or the path of a file that holds it")
			return nil
		}
		if text = data; openToOthers(path) {
			s.notes = append(s.notes, "the private key of "+f.from()+" can be read by others: chmod 600 "+quoted(path))
		}
	}
	key, err := okta.ParseSigningKey(text)
	if err != nil {
		s.problems = append(s.problems, s.explain(err))
		return nil
	}
	return key
}

// expand gives a path that begins with ~/ its folder, as a shell would.
func (s *orgSettings) expand(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(s.app.getenv("HOME"), rest)
	}
	return path
}

// shownPath is a path for a message; "" if it could as well be a secret that
// was given in its place.
func shownPath(path string) string {
	looks := strings.Contains(path, ".") || strings.HasPrefix(path, "/") || strings.HasPrefix(path, "~/")
	if !looks || len(path) > 160 || strings.ContainsAny(path, "\n=\"") {
		return ""
	}
	return " (" + path + ")"
}
