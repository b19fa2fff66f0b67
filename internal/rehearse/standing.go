package rehearse

import (
	"fmt"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
	"example.com/rekey/runner"
)

// parts are what an owner consists of.
var parts = []string{"object", "keys", "csrs"}

// noted is how an owner stood at one moment, as far as it was copied by then.
// Before its copying a part stood as it was copied.
type noted struct {
	owner okta.Owner
	was   map[string]sandbox.Snapshot // by part
}

// Standing notes how owners and the files of the rehearsal stand, and returns
// what tells later in what they differ from that. It serves as
// [runner.Standing].
func (o *Org) Standing(owners []string) func() []runner.Difference {
	var all []noted
	for _, claim := range owners {
		kind, id, ok := strings.Cut(claim, "/")
		if !ok {
			continue
		}
		n := noted{okta.Owner{Kind: okta.Kind(kind), ID: id}, map[string]sandbox.Snapshot{}}
		now := o.copy.Snapshot(n.owner)
		for _, part := range parts {
			if _, copied := o.firstCopy(n.owner, part); copied {
				n.was[part] = now
			}
		}
		all = append(all, n)
	}
	filesBefore := o.files.mark()
	return func() (found []runner.Difference) {
		for _, n := range all {
			found = append(found, o.differences(n)...)
		}
		return append(found, o.files.since(filesBefore)...)
	}
}

// firstCopy is a part of an owner as it was copied; false if it was not yet.
func (o *Org) firstCopy(owner okta.Owner, part string) (sandbox.Snapshot, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, ok := o.first[owner.String()+"/"+part]
	return s, ok
}

// differences tells in what an owner differs from how it stood.
func (o *Org) differences(n noted) (found []runner.Difference) {
	now := o.copy.Snapshot(n.owner)
	for _, part := range parts {
		was, known := n.was[part]
		if !known {
			if was, known = o.firstCopy(n.owner, part); !known {
				continue
			}
		}
		switch part {
		case "object":
			found = append(found, objectDiffers(n.owner, was.Object(), now.Object())...)
		case "keys":
			found = append(found, listDiffers(n.owner, "key", "kid", was.Keys(), now.Keys())...)
		case "csrs":
			found = append(found, listDiffers(n.owner, "csr", "id", was.CSRs(), now.CSRs())...)
		}
	}
	return found
}

// objectDiffers compares an owner's object. Of the values the kid alone is
// told: others may be secrets.
func objectDiffers(owner okta.Owner, was, now okta.Object) (found []runner.Difference) {
	for _, pointer := range okta.Differences(was, now) {
		d := runner.Difference{Owner: owner.String(), ID: pointer, Effect: runner.Changed}
		if pointer == okta.SigningPointer(owner.Kind) {
			d.Note = fmt.Sprintf("it was %s, and is %s", orNone(was.Text(pointer)), orNone(now.Text(pointer)))
		}
		found = append(found, d)
	}
	return found
}

func orNone(text string) string {
	if text == "" {
		return "(none)"
	}
	return text
}

// listDiffers compares an owner's keys or CSRs, in whatever order they are.
func listDiffers(owner okta.Owner, kind, name string, was, now []okta.Object) (found []runner.Difference) {
	differ := func(id string, effect runner.Effect, note string) {
		found = append(found, runner.Difference{Owner: owner.String(), Kind: kind, ID: id, Effect: effect, Note: note})
	}
	is := make(map[string]okta.Object, len(now))
	for _, doc := range now {
		is[doc.Text("/"+name)] = doc
	}
	had := make(map[string]bool, len(was))
	for _, doc := range was {
		id := doc.Text("/" + name)
		had[id] = true
		switch after, there := is[id]; {
		case !there:
			differ(id, runner.Destroyed, "")
		default:
			if where := okta.Differences(doc, after); len(where) > 0 {
				differ(id, runner.Changed, strings.Join(where, ", "))
			}
		}
	}
	for _, doc := range now {
		if id := doc.Text("/" + name); !had[id] {
			differ(id, runner.Added, "")
		}
	}
	return found
}

// mark is a moment in the life of the rehearsed files.
type mark struct {
	sum  [32]byte
	step int
}

// touch is a file of a rehearsal before it was created or removed.
type touch struct {
	path   string
	before []byte // nil: there was none
}

// mark notes how the files stand.
func (f *files) mark() mark {
	f.mu.Lock()
	defer f.mu.Unlock()
	return mark{f.sum, len(f.log)}
}

// since tells in what the files differ from how they stood.
func (f *files) since(m mark) (found []runner.Difference) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sum == m.sum {
		return nil
	}
	seen := map[string]bool{}
	for _, t := range f.log[m.step:] {
		now, there := f.held(t.path)
		if seen[t.path] || there == (t.before != nil) && slices.Equal(now, t.before) {
			continue
		}
		seen[t.path] = true
		d := runner.Difference{Owner: "file/" + t.path, Kind: "file", ID: t.path, Effect: runner.Changed}
		switch {
		case t.before == nil:
			d.Effect = runner.Added
		case !there:
			d.Effect = runner.Destroyed
		}
		found = append(found, d)
	}
	return found
}
