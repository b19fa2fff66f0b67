package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/runner"
)

// absent is the digest of an owner that does not exist.
const absent = "none"

// livePart is a part of an owner as the live org has it.
type livePart struct {
	data   []byte // as JSON
	digest string
	seen   func() runner.Seen // nil: there is no such owner
}

// readPart reads a part of an owner from the live org. That there is no such
// owner has a digest as well, beside the org's answer.
func readPart(ctx context.Context, live *okta.Client, owner okta.Owner, part string) (livePart, error) {
	switch part {
	case "object":
		object, err := live.Object(ctx, owner)
		if okta.NotFound(err) {
			return livePart{digest: absent}, err
		}
		if err != nil {
			return livePart{}, err
		}
		return livePart{object.Encode(), okta.Digest(object), func() runner.Seen { return seenObject(owner.Kind, object) }}, nil
	case "keys":
		keys, _, err := live.Keys(ctx, owner)
		if err != nil {
			return livePart{}, err
		}
		raw, ids := make([]any, len(keys)), make([]string, len(keys))
		for i := range keys {
			raw[i], ids[i] = keys[i].Raw, keys[i].Kid
		}
		return digested(raw, ids)
	case "csrs":
		csrs, _, err := live.CSRs(ctx, owner)
		if err != nil {
			return livePart{}, err
		}
		list, ids := make([]any, len(csrs)), make([]string, len(csrs))
		for i := range csrs {
			list[i], ids[i] = csrs[i], csrs[i].ID
		}
		return digested(list, ids)
	}
	return livePart{}, fmt.Errorf("there is no part %q of an owner", part)
}

// digested is a list of keys or CSRs. Its digest is that of the set, for Okta
// promises no order, and without the dates that Okta itself moves.
func digested(list []any, ids []string) (livePart, error) {
	var each []string
	for _, e := range list {
		each = append(each, okta.Digest(e))
	}
	slices.Sort(each)
	slices.Sort(ids)
	data, err := json.Marshal(list)
	return livePart{data, okta.Digest(each), func() runner.Seen { return runner.Seen{IDs: ids} }}, err
}

// whats are the parts of an owner as people call them.
var whats = map[string]string{"object": "settings or the key in use", "keys": "signing keys", "csrs": "CSRs"}

// Moved reads parts of one owner again and says of each that differs from its
// digest, as [Org.Bases] has it, what has changed, as far as [Org.Seen] tells.
// Dates that Okta moves by itself are no difference.
func Moved(ctx context.Context, client *okta.Client, bases map[string]string, seen map[string]runner.Seen) (moved []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(bases)) {
		at := strings.LastIndexByte(name, '/')
		kind, id, ok := strings.Cut(name[:max(at, 0)], "/")
		if !ok {
			return nil, fmt.Errorf("%q names no part of an owner", name)
		}
		owner, part := okta.Owner{Kind: okta.Kind(kind), ID: id}, name[at+1:]
		now, err := readPart(ctx, client, owner, part)
		switch before := bases[name]; {
		case now.digest == absent && before == absent:
		case okta.NotFound(err):
			return []string{fmt.Sprintf("%s is gone", owner)}, nil
		case err != nil:
			return nil, err
		case before == absent:
			return []string{fmt.Sprintf("%s exists by now", owner)}, nil
		case now.digest != before:
			text := fmt.Sprintf("somebody changed the %s of %s since the plan was made", whats[part], owner)
			if what := changes(owner.Kind, seen[name], now.seen()); what != "" {
				text += ": " + what
			}
			moved = append(moved, text)
		}
	}
	return moved, nil
}
