package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"example.com/rekey/runner"
	"example.com/rekey/runner/binding"
)

const settingsShape = "write it as Okta's documents show it: okta: client: orgUrl: …, with texts in quotes"

// others are members of okta.client that Okta's tools have in one language or
// another, and that mean nothing to rekey (Okta: SDK configuration).
var others = []string{
	"authenticationScheme", "bearerToken", "cache", "clientAssertion", "connectionTimeout", "debug", "disableHttpsCheck",
	"dpopKeyPair", "encryptionType", "jwk", "kid", "logging", "maxAttempts", "maxRetries", "proxy", "raiseException",
	"rateLimit", "requestTimeout", "retryTtl", "testing", "userAgent", "userAgentExtra",
}

// client is okta.client of a settings file; nil if there is none. A file in
// which something else stands there is refused. What Okta's tools keep beside it
// is theirs.
func (s *orgSettings) client(root *runner.Node, shown string) *runner.Node {
	before := len(s.problems)
	top := s.below(root, "okta", shown)
	if top == nil {
		if len(s.problems) == before && root.Get("okta") == nil {
			s.notes = append(s.notes, shown+" has no okta at its top, and nothing in it is read")
		}
		return nil
	}
	client := s.below(top, "client", shown)
	if client != nil && client.Kind != runner.Map {
		s.misplaced(client, client.Kind.String(), "the settings", shown)
		return nil
	}
	return client
}

// below is a member of what must be a mapping; nil if it has none.
func (s *orgSettings) below(n *runner.Node, name, shown string) *runner.Node {
	if n.Kind != runner.Map {
		s.misplaced(n, n.Kind.String(), name, shown)
		return nil
	}
	if member := n.Get(name); member != nil && member.Kind != runner.Null {
		return member
	}
	for _, e := range n.Entries {
		if key := e.Key.Value.(string); meant(key, name) {
			s.misplaced(e.Key, key, name, shown)
			break
		}
	}
	return nil
}

// misplaced refuses what stands where something else should.
func (s *orgSettings) misplaced(at *runner.Node, what, wanted, shown string) {
	s.problems = append(s.problems, &problem{Setting: fmt.Sprintf("%s:%d", shown, at.Pos.Line), Problem: "holds " + what + " where " + wanted + " should stand", Cure: settingsShape})
}

// meant reports whether a key stands where another should: it is that one
// misspelt, or belongs below it.
func meant(key, name string) bool {
	below := name == "okta" && key == "client" || slices.ContainsFunc(known, func(k orgSetting) bool { return k.yaml != "" && k.yaml == key })
	return below || key != name && len(binding.Suggest(key, []string{name})) > 0
}

// nameLike is what a member's name looks like. What does not may be a value in
// the wrong place, and a secret.
var nameLike = regexp.MustCompile(`^[A-Za-z_-]{1,30}$`)

// unknownMember notes a member of okta.client that neither rekey nor Okta's
// tools know.
func (s *orgSettings) unknownMember(name, at string) {
	if slices.ContainsFunc(others, func(other string) bool { return strings.EqualFold(other, name) }) {
		return
	}
	if !nameLike.MatchString(name) {
		s.notes = append(s.notes, at+" holds a key that is no setting of Okta's, and is not read")
		return
	}
	names := slices.Clone(others)
	for _, k := range known {
		names = append(names, k.yaml)
	}
	hint := ""
	if near := binding.Suggest(name, names); len(near) > 0 {
		hint = "; did you mean " + near[0] + "?"
	}
	s.notes = append(s.notes, "okta.client."+name+" ("+at+") is no setting of Okta's, and is not read"+hint)
}
