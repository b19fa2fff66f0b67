package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
)

// absent is the digest of an owner that does not exist.
const absent = "none"

// readPart reads a part of an owner from the live org, and its digest. That
// there is no such owner has one as well, beside the org's answer.
func readPart(ctx context.Context, live *okta.Client, owner okta.Owner, part string) (data []byte, digest string, err error) {
	switch part {
	case "object":
		object, err := live.Object(ctx, owner)
		if okta.NotFound(err) {
			return nil, absent, err
		}
		if err != nil {
			return nil, "", err
		}
		return object.Encode(), okta.Digest(object), nil
	case "keys":
		keys, _, err := live.Keys(ctx, owner)
		if err != nil {
			return nil, "", err
		}
		raw := make([]any, len(keys))
		for i := range keys {
			raw[i] = keys[i].Raw
		}
		return digested(raw)
	case "csrs":
		csrs, _, err := live.CSRs(ctx, owner)
		if err != nil {
			return nil, "", err
		}
		list := make([]any, len(csrs))
		for i := range csrs {
			list[i] = csrs[i]
		}
		return digested(list)
	}
	return nil, "", fmt.Errorf("there is no part %q of an owner", part)
}

// digested is a list of keys or CSRs as JSON, and its digest: of the set, for
// Okta promises no order, and without the dates that Okta itself moves.
func digested(list []any) (data []byte, digest string, err error) {
	var each []string
	for _, e := range list {
		each = append(each, okta.Digest(e))
	}
	slices.Sort(each)
	data, err = json.Marshal(list)
	return data, okta.Digest(each), err
}

// whats are the parts of an owner as people call them.
var whats = map[string]string{"object": "settings or the key in use", "keys": "signing keys", "csrs": "CSRs"}

// Moved reads parts of one owner again and says of each that differs from its
// digest, as [Org.Bases] has it, what has changed. Dates that Okta moves by
// itself are no difference.
func Moved(ctx context.Context, client *okta.Client, bases map[string]string) (moved []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(bases)) {
		at := strings.LastIndexByte(name, '/')
		kind, id, ok := strings.Cut(name[:max(at, 0)], "/")
		if !ok {
			return nil, fmt.Errorf("%q names no part of an owner", name)
		}
		owner, part := okta.Owner{Kind: okta.Kind(kind), ID: id}, name[at+1:]
		_, digest, err := readPart(ctx, client, owner, part)
		switch before := bases[name]; {
		case digest == absent && before == absent:
		case okta.NotFound(err):
			return []string{fmt.Sprintf("%s is gone", owner)}, nil
		case err != nil:
			return nil, err
		case before == absent:
			return []string{fmt.Sprintf("%s exists by now", owner)}, nil
		case digest != before:
			moved = append(moved, fmt.Sprintf("somebody changed the %s of %s since the plan was made", whats[part], owner))
		}
	}
	return moved, nil
}
