// Package steps holds the step types: what a playbook can do to the signing
// keys of an Okta org, one file a type.
//
// A step type is a struct whose tagged fields are its data (see
// [runner.Type]) and a call of define that describes it. Nothing else names
// it: the checker's types, the reference, the plan and the journal come from
// the struct. A step reaches the world through its [Env] alone, so the same
// code runs in an org and in a rehearsal of it.
package steps

import (
	"context"
	"fmt"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/pki"
	"example.com/rekey/runner"
)

// Env is what the steps can reach of the world. The steps of a loop reach it
// from several goroutines at once: everything in it must be safe for
// concurrent use, as all that this project puts there is.
type Env struct {
	Okta  *okta.Client
	CA    CA
	Files Files
	Now   func() time.Time
	// Ours reports whether an id was yielded by a run of ours, so that it is
	// no trace of a write whose answer was lost. Nil: nothing is ours.
	Ours func(id string) (bool, error)
}

// CAFiles names an issuer: two PEM files and what opens the key.
type CAFiles struct {
	Certificate, Key string // paths
	Passphrase       string // "" for a key that is not encrypted
}

// CA is the certification authority that step types sign with. It is used by
// several steps at once.
type CA interface {
	// Issuer reads and checks the issuer, its certificate and its key. Errors
	// about the files or the passphrase are settings that the caller mends.
	Issuer(ctx context.Context, ca CAFiles) (*pki.Issuer, error)
	// Issue signs one certificate, on record for the run and the step before
	// it returns.
	Issue(ctx context.Context, ca CAFiles, r pki.Request, run, step string) (pki.Issued, error)
	// Issued looks up what was issued for a run and a step.
	Issued(run, step string) (certPEM string, ok bool, err error)
}

// Files is the part of a file system that step types write to. It is used by
// several steps at once; of two that create one file, one fails.
type Files interface {
	// Read returns a file's content; an error that is fs.ErrNotExist when
	// there is none.
	Read(path string) ([]byte, error)
	// Create makes a file that must not exist, and its folders, durably.
	// After an error there is no file.
	Create(path string, data []byte) error
	// Remove removes a file.
	Remove(path string) error
}

// Rooted is an ability of Files: to name the folder that relative paths begin
// at, so that what was written is found again from anywhere.
type Rooted interface {
	Folder() (string, error)
}

// unwritten is why a local write certainly did not happen. The runner then
// has nothing to look for.
type unwritten struct{ error }

func (e unwritten) Unwrap() error        { return e.error }
func (e unwritten) OutcomeUnknown() bool { return false }

// definition is a step type that waits for its Env.
type definition struct {
	runner.Type
	make func(*Env) any
}

var definitions []definition

// define enters a step type into the register. It returns a value so that a
// file can call it in a declaration: var _ = define(…).
func define(t runner.Type, make func(*Env) any) bool {
	definitions = append(definitions, definition{t, make})
	return true
}

// Catalogue returns all step types, bound to what they may reach. With a nil
// Env they can be described and checked, not carried out.
func Catalogue(env *Env) *runner.Catalogue {
	types := make([]runner.Type, len(definitions))
	for i, d := range definitions {
		types[i] = d.Type
		types[i].New = func() any { return d.make(env) }
	}
	c, err := runner.NewCatalogue(types...)
	if err != nil {
		panic(fmt.Sprintf("steps: %v", err)) // a mistake in this package's source, found by every test
	}
	return c
}

// Report tells the runner of a request of the client before it is sent. It
// belongs into okta.Config.OnCall.
func Report(ctx context.Context, c okta.Call) error {
	call := runner.Call{
		Method: c.Method, Path: c.Path, Write: c.Write, Again: c.Again,
		ContentType: c.ContentType, Body: c.Body, Bucket: c.Bucket, PerMinute: c.PerMinute,
		Scope: okta.ScopeOf(c.Method, c.Path),
	}
	if c.TransferEncoding != "" {
		call.ContentType += "; transfer-encoding=" + c.TransferEncoding
	}
	if c.Change != nil {
		change := runner.Change(*c.Change)
		call.Change = &change
	}
	return runner.Report(ctx, call)
}

// Answered tells the runner how a request of the client was answered. It
// belongs into okta.Config.OnAnswer.
func Answered(ctx context.Context, c okta.Call, status int, requestID string) {
	runner.Answered(ctx, runner.Request{Method: c.Method, Path: c.Path, Status: status, ID: requestID})
}
