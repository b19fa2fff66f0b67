package steps

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
)

var _ = define(runner.Type{
	Name: "export_certificate",
	Doc: "Writes a certificate to files, for the service provider that must load it before the key is switched. " +
		"A file that has the content already is left alone; one with other content is never overwritten.",
	Change: "write the certificate to {path} ({formats})",
	Undo:   runner.UndoExact,
	Local:  true,
}, func(env *Env) any { return &ExportCertificate{env: env} })

// ExportCertificate is the step type export_certificate.
type ExportCertificate struct {
	env         *Env
	Certificate string   `in:"certificate" doc:"the certificate, PEM"`
	Path        string   `in:"path" doc:"file to write; with several formats its ending is exchanged for .pem, .der and .b64"`
	Formats     []string `in:"formats" default:"pem" enum:"pem,der,base64" doc:"how to write it; base64 is that of the DER, on one line"`
	Present     []string `saw:"present" doc:"files that have the content already"`
	Folder      string   `saw:"folder" is:"optional loose" doc:"folder that a relative path begins at"`
	Paths       []string `out:"paths" doc:"the files, one for each format"`
	SHA256      string   `out:"sha256" is:"assigned" doc:"SHA-256 of the certificate, hex"`
}

// Claims is empty: a file is created only where there is none.
func (s *ExportCertificate) Claims() []string { return nil }

// file is one file to write.
type file struct {
	path string // as the playbook names it
	at   string // where it is, from wherever the run is taken up again
	data []byte
}

var endings = map[string]string{"pem": ".pem", "der": ".der", "base64": ".b64"}

// files lays out what to write where.
func (s *ExportCertificate) files() ([]file, error) {
	der, err := pki.DecodePEM(s.Certificate, "CERTIFICATE")
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	data := map[string][]byte{
		"pem": []byte(pki.CertificatePEM(der)), "der": der, "base64": []byte(base64.StdEncoding.EncodeToString(der)),
	}
	if len(s.Formats) == 0 {
		return nil, errors.New("formats is empty: leave it out for pem, or name pem, der or base64")
	}
	var out []file
	for _, format := range s.Formats {
		path := s.Path
		if len(s.Formats) > 1 {
			path = strings.TrimSuffix(path, filepath.Ext(path)) + endings[format]
		}
		if slices.ContainsFunc(out, func(f file) bool { return f.path == path }) {
			return nil, fmt.Errorf("format %s is given twice: name each once", format)
		}
		out = append(out, file{path: path, at: s.locate(path), data: data[format]})
	}
	return out, nil
}

func (s *ExportCertificate) locate(path string) string {
	if s.Folder == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.Folder, path)
}

// Observe refuses a file that has other content.
func (s *ExportCertificate) Observe(context.Context) (err error) {
	if rooted, ok := s.env.Files.(Rooted); ok && !filepath.IsAbs(s.Path) {
		if s.Folder, err = rooted.Folder(); err != nil {
			return fmt.Errorf("%s has no place to begin at, give an absolute path: %w", s.Path, err)
		}
	}
	files, err := s.files()
	if err != nil {
		return err
	}
	for _, f := range files {
		there, err := s.env.Files.Read(f.at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("%s cannot be read, choose another path: %w", f.path, err)
		case !bytes.Equal(there, f.data):
			return fmt.Errorf("%s exists with other content and is not overwritten: move it away or choose another path", f.path)
		default:
			s.Present = append(s.Present, f.path)
		}
	}
	return nil
}

// Do writes the files that are missing.
func (s *ExportCertificate) Do(ctx context.Context) error {
	if err := s.describe(); err != nil || len(s.Present) == len(s.Paths) {
		return err
	}
	if err := runner.Report(ctx, runner.Call{Method: "CREATE", Path: strings.Join(s.Paths, ", "), Write: true}); err != nil {
		return err
	}
	files, err := s.files()
	if err != nil {
		return err
	}
	for i, f := range s.missing(files) {
		err := s.env.Files.Create(f.at, f.data)
		if err == nil {
			continue
		}
		if err = fmt.Errorf("%s cannot be written, choose another path: %w", f.path, err); i == 0 {
			return unwritten{err}
		}
		return err
	}
	return nil
}

// missing are the files that were not there before.
func (s *ExportCertificate) missing(files []file) []file {
	return slices.DeleteFunc(files, func(f file) bool { return slices.Contains(s.Present, f.path) })
}

// describe fills the outputs.
func (s *ExportCertificate) describe() error {
	files, err := s.files()
	if err != nil {
		return err
	}
	for _, f := range files {
		s.Paths = append(s.Paths, f.path)
	}
	der, err := pki.DecodePEM(s.Certificate, "CERTIFICATE")
	s.SHA256 = pki.Fingerprint(der)
	return err
}

// Undo removes the files that this step created, if nobody has changed them.
func (s *ExportCertificate) Undo(ctx context.Context) ([]runner.Residue, error) {
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	if files = s.missing(files); len(files) > 0 {
		if err := runner.Report(ctx, runner.Call{Method: "REMOVE", Path: strings.Join(s.Paths, ", "), Write: true}); err != nil {
			return nil, err
		}
	}
	var residues []runner.Residue
	for _, f := range files {
		there, err := s.env.Files.Read(f.at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return residues, fmt.Errorf("%s cannot be read, look whether it must go: %w", f.path, err)
		case !bytes.Equal(there, f.data):
			residues = append(residues, runner.Residue{Owner: "file/" + f.path, Kind: "file", ID: f.path,
				Effect: runner.Added, Note: "it was changed since, and stays"})
			continue
		}
		if err := s.env.Files.Remove(f.at); err != nil {
			return residues, fmt.Errorf("%s cannot be removed, remove it yourself: %w", f.path, err)
		}
	}
	return residues, nil
}

// Suspected are the files that may be there.
func (s *ExportCertificate) Suspected(string) (out []runner.Residue) {
	files, _ := s.files() // it could be read when the step began
	for _, f := range s.missing(files) {
		out = append(out, runner.Residue{Owner: "file/" + f.path, Kind: "file", ID: f.path, Effect: runner.Added,
			Note: "look whether it is there, and remove it if nobody needs it"})
	}
	return out
}

// Recover looks which of the files are there. A part of them has to be undone;
// to go on with it is for a person.
func (s *ExportCertificate) Recover(ctx context.Context) (runner.Verdict, error) {
	files, err := s.files()
	if err != nil {
		return runner.Verdict{}, err
	}
	var there, absent []string
	for _, f := range s.missing(files) {
		data, err := s.env.Files.Read(f.at)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return runner.Verdict{}, err
		case err == nil && bytes.Equal(data, f.data):
			there = append(there, f.path)
		default:
			absent = append(absent, f.path)
		}
	}
	switch {
	case len(there) == 0 && len(absent) > 0:
		return runner.Verdict{Outcome: runner.Not}, nil
	case len(absent) > 0 && !runner.Undoing(ctx):
		return runner.Verdict{Outcome: runner.Ambiguous, Reason: fmt.Sprintf("of its files it wrote %s, and not %s; remove what it wrote and say that it is not done",
			strings.Join(there, ", "), strings.Join(absent, ", "))}, nil
	case len(absent) > 0:
		runner.Warn(ctx, "of the files some were not written: %s", strings.Join(absent, ", "))
	}
	return runner.Verdict{Outcome: runner.Happened}, s.describe()
}
