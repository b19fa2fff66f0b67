package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// maxSettings bounds a settings file: it holds a dozen lines and a key.
const maxSettings = 64 << 10

// files reads Okta's two settings files, of the user and of the working
// directory.
func (s *orgSettings) files() {
	if home := s.app.getenv("HOME"); home != "" {
		s.yaml(filepath.Join(home, ".okta", "okta.yaml"), "~/.okta/okta.yaml", layerHome)
	}
	s.yaml("okta.yaml", "okta.yaml", layerFolder)
}

// yaml reads a settings file, should there be one.
func (s *orgSettings) yaml(path, shown string, layer int) {
	fault := func(text, cure string) {
		s.problems = append(s.problems, &problem{Setting: shown, Problem: text, Cure: cure})
	}
	data, err := readShort(path, maxSettings)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		fault("cannot be read: "+reason(err), "make it a file that you may read, or move it away")
		return
	case strings.TrimSpace(string(data)) == "":
		return
	}
	root, faults := runner.ParseDocument(shown, data)
	if len(faults) > 0 {
		f := faults[0]
		text := f.Message
		if mayShowSecret(data, f.Line) {
			text = "something that cannot be read"
		}
		fault(fmt.Sprintf("has a fault in line %d: %s", f.Line, text), settingsShape)
		return
	}
	if client := s.client(root, shown); client != nil {
		s.members(client, path, shown, layer)
	}
}

// mayShowSecret reports whether what is said about a line could repeat a token
// or a key of the file.
func mayShowSecret(data []byte, line int) bool {
	lines := strings.SplitAfter(strings.ToLower(string(data)), "\n")
	before := strings.Join(lines[:min(max(line, 1), len(lines))], "")
	return strings.Contains(before, "token") || strings.Contains(before, "key")
}

// members takes the settings that rekey knows; Okta's tools have more.
func (s *orgSettings) members(client *runner.Node, path, shown string, layer int) {
	for _, e := range client.Entries {
		name := e.Key.Value.(string)
		at := fmt.Sprintf("%s:%d", shown, e.Key.Pos.Line)
		i := slices.IndexFunc(known, func(k orgSetting) bool { return k.yaml != "" && strings.EqualFold(k.yaml, name) })
		if i < 0 {
			s.unknownMember(name, at)
			continue
		}
		k := known[i]
		if k.yaml != name {
			s.problems = append(s.problems, &problem{Setting: "okta.client." + name, Origin: at, Problem: "is not read", Cure: "write " + k.yaml})
			continue
		}
		f := &found{orgSetting: k, origin: at, layer: layer, file: path}
		value, ok := scalarText(e.Value, k.name == okta.SettingScopes)
		if !ok {
			s.fault(k.name, f, "is no text", "give it as one text, in quotes")
			continue
		}
		f.value = value
		s.add(f)
	}
}

// scalarText is a value as text, where a list is one with blanks between its
// items.
func scalarText(n *runner.Node, list bool) (string, bool) {
	switch {
	case n.Kind == runner.Null:
		return "", true
	case n.Kind == runner.String:
		return n.Value.(string), true
	case n.Kind == runner.List && list:
		var words []string
		for _, item := range n.Items {
			word, ok := item.Value.(string)
			if !ok {
				return "", false
			}
			words = append(words, word)
		}
		return strings.Join(words, " "), true
	}
	return "", false
}

// readShort reads a file of at most limit bytes.
func readShort(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a folder")
	case info.Size() > limit:
		return nil, errors.New("it is too large")
	}
	return os.ReadFile(path)
}

// openToOthers reports whether group or others can read a file. On Windows the
// mode does not tell.
func openToOthers(path string) bool {
	info, err := os.Stat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0
}

// reason is why a file cannot be read, without its path.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}
