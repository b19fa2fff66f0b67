// Package playbooks holds the playbooks that come with rekey. Each is a file
// of its own, usable by its name; its content never changes without a new
// version.
package playbooks

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Names lists the playbooks, sorted.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic(err) // an embedded folder can be read
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".yaml")
	}
	return names
}

// Text returns the playbook of that name; an error that is fs.ErrNotExist when
// there is none.
func Text(name string) ([]byte, error) {
	data, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("there is no playbook %q; `rekey playbooks` lists them: %w", name, fs.ErrNotExist)
	}
	return data, nil
}
