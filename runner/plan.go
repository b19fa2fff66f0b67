package runner

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// PlanFormat is the version of the plans that this package makes.
const PlanFormat = 1

// Plan is what a dry run yields: data, from which every view is made. The
// body depends on the playbook, the inputs, the org and the one clock reading
// alone; what else belongs to a plan stands in the header.
type Plan struct {
	Header PlanHeader `json:"header"`
	Body   PlanBody   `json:"body"`
}

// PlanHeader says who made the plan, when and with what.
type PlanHeader struct {
	Format  int       `json:"format"`
	MadeAt  time.Time `json:"made_at"`
	Expires time.Time `json:"expires,omitzero"` // when it may no longer be carried out; zero: it was not saved
	Tool    string    `json:"tool"`
	Who     string    `json:"who,omitempty"`
	Seal    string    `json:"seal,omitempty"` // of a saved one: see [Plan.Save]
}

// PlanBody is the plan itself. A value that Okta or a CA will assign stands
// as its source, such as "$<steps.publish.kid>".
type PlanBody struct {
	Playbook     string               `json:"playbook"`
	Version      string               `json:"version"`
	Digest       string               `json:"digest"` // of the playbook's text
	Org          string               `json:"org"`
	Offline      bool                 `json:"offline,omitempty"` // the owners were invented
	OnFailure    string               `json:"on_failure"`
	Inputs       map[string]any       `json:"inputs"`                      // without secrets
	Secrets      []string             `json:"secrets,omitempty"`           // their names
	NotGiven     []string             `json:"secrets_not_given,omitempty"` // those of them that the plan was made without
	Steps        []PlannedStep        `json:"steps"`
	Loops        []PlannedLoop        `json:"loops,omitempty"`
	Outputs      map[string]any       `json:"outputs,omitempty"`
	Assigned     map[string]Assigned  `json:"assigned,omitempty"`     // what the sources that stand here stand for, by their names, such as "steps.publish.kid"
	Certificates []PlannedCertificate `json:"certificates,omitempty"` // those in use, chosen or to come
	Bases        map[string]string    `json:"bases,omitempty"`        // digest of each part of an owner that was read
	Seen         map[string]Seen      `json:"seen,omitempty"`         // by the same names: what tells a person what has changed since
	Calls        map[string]Bucket    `json:"calls"`                  // requests by rate-limit bucket
	RateShare    int                  `json:"rate_share"`             // of each bucket that the run uses at most, in percent
	Expected     string               `json:"expected"`               // how long a run takes with that, as a Go duration
	Rollback     *PlannedRollback     `json:"rollback,omitempty"`     // as it was rehearsed; nil: of a run that would fail none was
	Access       *Access              `json:"access,omitempty"`
	Warnings     []string             `json:"warnings,omitempty"`
	Failure      *PlanFailure         `json:"failure,omitempty"` // why the run would fail
}

// Seen is what a plan holds of a part of an owner besides its digest. It tells
// nothing secret, nor from what a secret could be guessed.
type Seen struct {
	IDs    []string          `json:"ids,omitzero"`          // of what is in a list, sorted
	Fields map[string]string `json:"fields,omitempty"`      // of an object, by JSON pointer: the key in use, and what the org shows in lists
	Rest   string            `json:"rest_sha256,omitempty"` // of the object without these
}

// Assigned is a value that is known only when the run yields it.
type Assigned struct {
	Type    string `json:"type"`
	Meaning string `json:"meaning,omitempty"`
	By      string `json:"by"` // the type of the step that yields it
}

// Access is what whoever carries a plan out must be allowed to do in the org,
// its undo included, in the org's own words; each list is sorted.
type Access struct {
	Scopes      []string `json:"scopes"`      // of an OAuth 2.0 access token
	Roles       []string `json:"roles"`       // of the org's own roles the least that suffice together
	Permissions []string `json:"permissions"` // of a role made for the purpose, which does as well
}

// PlannedStep is what a step will do.
type PlannedStep struct {
	Step       string            `json:"step"`           // its name, such as "fleet[0oa1].activate"
	Loop       string            `json:"loop,omitempty"` // name of the innermost loop that it is in
	Item       string            `json:"item,omitempty"` // key of that loop's item
	Name       string            `json:"name,omitempty"`
	Type       string            `json:"type"`
	Action     bool              `json:"action"`
	Condition  *bool             `json:"condition,omitempty"` // what its if came to
	Assertions int               `json:"assertions,omitempty"`
	Change     string            `json:"change,omitempty"`
	Unchanged  bool              `json:"unchanged,omitempty"` // its effect is in place already: nothing is written
	In         map[string]any    `json:"in,omitempty"`
	Saw        map[string]any    `json:"saw,omitempty"`
	Write      *Write            `json:"write,omitempty"`
	Claims     []string          `json:"claims,omitempty"`
	Notice     string            `json:"notice,omitempty"`
	Caution    string            `json:"caution,omitempty"`
	Undo       UndoClass         `json:"undo,omitempty"`
	Residues   []Residue         `json:"residues,omitempty"` // what stays after undo
	Calls      map[string]Bucket `json:"calls,omitempty"`
	Scopes     []string          `json:"scopes,omitempty"` // that its requests need, sorted; those of its undo are in Access
	Warnings   []string          `json:"warnings,omitempty"`
	NotChecked []string          `json:"not_checked,omitempty"`
	Failure    string            `json:"failure,omitempty"` // why it would fail
	Undone     bool              `json:"undone,omitempty"`  // its item would fail, and it be undone
	Kept       bool              `json:"kept,omitempty"`    // rollback: skip
	Tries      int               `json:"tries,omitempty"`   // retry: tries in all
	Timeout    string            `json:"timeout,omitempty"` // of each, as a Go duration
}

// PlannedLoop is what a loop is over.
type PlannedLoop struct {
	Step        string        `json:"step"` // its name
	Name        string        `json:"name,omitempty"`
	As          string        `json:"as"`
	Items       []string      `json:"items"` // their keys
	Concurrency int           `json:"concurrency"`
	Batches     []int         `json:"batches,omitempty"` // their sizes
	MaxFailures int           `json:"max_failures"`
	Failures    []ItemFailure `json:"failures,omitempty"`
}

// ItemFailure is an item of a loop that failed, or would.
type ItemFailure struct {
	Item    string `json:"item"` // its name, such as "fleet[0oa1]"
	Message string `json:"message"`
}

// PlanFailure says at which step the rehearsal failed. Setting means that a
// setting of the caller is at fault and nothing about the org.
type PlanFailure struct {
	Step    string `json:"step,omitempty"`
	Message string `json:"message"`
	Cure    string `json:"cure,omitempty"` // what to do about it, which the message says as well
	Setting bool   `json:"setting,omitempty"`
}

// Changes reports whether the run would write anything.
func (b *PlanBody) Changes() bool {
	return slices.ContainsFunc(b.Steps, func(s PlannedStep) bool { return s.Write != nil })
}

// Digest is the SHA-256 of the plan as Encode renders it, in hex: what a plan
// is known by.
func (p *Plan) Digest() string {
	data, err := p.Encode()
	if err != nil {
		return "" // it holds what JSON has no form for: no plan of ours does
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Save makes the plan one that is kept for later, until it expires, and seals
// it: the seal is the Digest of the plan without it, by which [DecodePlan] tells
// that a value was changed since. It guards against mistakes, such as a review
// that edits what it should have had made anew. It is no signature: who wants to
// can compute it again, and nothing tells who did.
func (p *Plan) Save(expires time.Time) {
	p.Header.Expires = expires
	p.Header.Seal = p.unsealed().Digest()
}

// unsealed is the plan without its seal.
func (p *Plan) unsealed() *Plan {
	plain := *p
	plain.Header.Seal = ""
	return &plain
}

// DecodePlan reads what Encode rendered. Anything else is refused: another
// format, a text that is cut short or goes on, members that this version does
// not know, and a saved plan of which anything was changed.
func DecodePlan(data []byte) (*Plan, error) {
	var head struct {
		Header struct {
			Format *int `json:"format"`
		} `json:"header"`
	}
	switch err := json.Unmarshal(data, &head); {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("it is empty")
	case ofAnotherKind(err) != "":
		return nil, errors.New("it is JSON, but no plan: " + ofAnotherKind(err))
	case err != nil:
		return nil, fmt.Errorf("it is no plan, or was cut short: %w", err)
	case head.Header.Format == nil:
		return nil, errors.New("it is JSON, but no plan: it has no header with a format")
	case *head.Header.Format != PlanFormat:
		return nil, fmt.Errorf("it is a plan of format %d, and this version reads %d", *head.Header.Format, PlanFormat)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	var plan Plan
	if err := dec.Decode(&plan); err != nil {
		what := cmp.Or(ofAnotherKind(err), strings.TrimPrefix(err.Error(), "json: "))
		return nil, errors.New("it is a plan that another version made, or that was changed: " + what)
	}
	if back, err := plan.Encode(); err != nil || !bytes.Equal(bytes.TrimSpace(back), bytes.TrimSpace(data)) {
		return nil, errors.New("it was changed since it was written: it is not in the form in which plans are written")
	}
	saved := plan.Header.Seal != "" || !plan.Header.Expires.IsZero()
	if saved && plan.Header.Seal != plan.unsealed().Digest() {
		return nil, errors.New("it was changed since it was written: its seal is not that of what it says")
	}
	return &plan, nil
}

// ofAnotherKind says what in a JSON text is of a kind that no plan has there;
// empty if that is not what is wrong.
func ofAnotherKind(err error) string {
	var kind *json.UnmarshalTypeError
	if !errors.As(err, &kind) {
		return ""
	}
	article := "a "
	if strings.HasPrefix(kind.Value, "array") || strings.HasPrefix(kind.Value, "object") {
		article = "an "
	}
	return cmp.Or(kind.Field, "it") + " is " + article + kind.Value
}

// Encode renders the plan as indented JSON with sorted keys.
func (p *Plan) Encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(p)
	return buf.Bytes(), err
}

func addCalls(sum, more map[string]Bucket) map[string]Bucket {
	for name, b := range more {
		if sum == nil {
			sum = map[string]Bucket{}
		}
		sum[name] = Bucket{Calls: sum[name].Calls + b.Calls, PerMinute: b.PerMinute}
	}
	return sum
}
