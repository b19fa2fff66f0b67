package view

import (
	"cmp"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"example.com/rekey/runner"
)

// SARIF is what [CheckSARIF] needs to know besides the checks.
type SARIF struct {
	Version string // of rekey
	Dir     string // working directory, absolute; "" = unknown
}

// faultRule is the rule of every fault that is an error.
var faultRule = runner.Warning{
	Name:    "invalid-playbook",
	Summary: "the playbook is invalid",
	Explain: "A playbook with such a fault is neither planned nor run: nothing is sent to the org. The message says what\n" +
		"is wrong and how to cure it. It cannot be silenced.\n",
}

// The part of SARIF 2.1.0 (OASIS) that is written here.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool             sarifTool         `json:"tool"`
		Invocations      []sarifInvocation `json:"invocations"`
		Artifacts        []sarifArtifact   `json:"artifacts"`
		ColumnKind       string            `json:"columnKind"`
		NewlineSequences []string          `json:"newlineSequences"`
		Results          []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string             `json:"id"`
		Short   sarifText          `json:"shortDescription"`
		Full    sarifText          `json:"fullDescription"`
		Help    sarifText          `json:"help"`
		Default sarifConfiguration `json:"defaultConfiguration"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	sarifInvocation struct {
		Successful bool `json:"executionSuccessful"`
	}
	sarifArtifact struct {
		Location sarifArtifactLocation `json:"location"`
		Roles    []string              `json:"roles"`
	}
	sarifArtifactLocation struct {
		URI         string     `json:"uri"`
		Index       *int       `json:"index,omitempty"`
		Description *sarifText `json:"description,omitempty"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifactLocation `json:"artifactLocation"`
		Region   *sarifRegion          `json:"region,omitempty"`
		Context  *sarifRegion          `json:"contextRegion,omitempty"`
	}
	sarifRegion struct {
		StartLine   int        `json:"startLine"`
		StartColumn int        `json:"startColumn"`
		EndLine     int        `json:"endLine"`
		EndColumn   int        `json:"endColumn"`
		Snippet     *sarifText `json:"snippet,omitempty"`
	}
)

// CheckSARIF writes the faults of all playbooks as a log of one run in the
// Static Analysis Results Interchange Format (OASIS SARIF 2.1.0), which code
// scanning services and editors read. Each named warning is a rule, and all
// errors together are one. A result's region is the word at the fault, its
// context the line, or the part of a long line around the fault.
//
// Artifacts below the working directory have relative URIs, others absolute
// ones. An embedded playbook's is its name. Standard input has no file: its
// artifact is described as such, and its URI, (stdin), only names it. A
// playbook that could not be read has a result without a region, and the run
// counts as one whose execution failed.
func CheckSARIF(w io.Writer, checks []Check, about SARIF) error {
	run := sarifRun{
		Tool:             sarifTool{sarifDriver{Name: "rekey", Version: about.Version, Rules: sarifRules()}},
		Invocations:      []sarifInvocation{{Successful: true}},
		Artifacts:        []sarifArtifact{},
		ColumnKind:       "unicodeCodePoints",
		NewlineSequences: []string{"\r\n", "\n", "\r"},
		Results:          []sarifResult{},
	}
	indexes := map[string]int{}
	for _, c := range checks {
		at := sarifArtifactLocation{URI: uriPath(c.File)}
		if c.Stdin {
			at.Description = &sarifText{Text: "standard input"}
		} else {
			at.URI = fileURI(c.File, about.Dir)
		}
		index, known := indexes[at.URI]
		if !known {
			index = len(run.Artifacts)
			indexes[at.URI] = index
			run.Artifacts = append(run.Artifacts, sarifArtifact{at, []string{"analysisTarget"}})
		}
		if c.Unread {
			run.Invocations[0].Successful = false
		}
		for _, f := range c.found() {
			run.Results = append(run.Results, sarifResultOf(f, sarifArtifactLocation{URI: at.URI, Index: &index}, run.Tool.Driver.Rules))
		}
	}
	return JSON(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

func sarifRules() []sarifRule {
	rules := []sarifRule{sarifRuleOf(faultRule, "error")}
	for _, warning := range runner.Warnings() {
		rules = append(rules, sarifRuleOf(warning, "warning"))
	}
	return rules
}

// sarifRuleOf describes a rule. Its full description is the first paragraph of
// the explanation: services show it beside each result and limit its length.
func sarifRuleOf(warning runner.Warning, level string) sarifRule {
	text := strings.TrimSpace(warning.Explain)
	first, _, _ := strings.Cut(text, "\n\n")
	first = strings.Join(strings.Fields(first), " ")
	if strings.HasSuffix(first, ":") {
		first = strings.TrimSuffix(first, ":") + "."
	}
	return sarifRule{
		ID: warning.Name, Short: sarifText{Text: warning.Summary}, Full: sarifText{Text: first},
		Help: sarifText{Text: text, Markdown: text}, Default: sarifConfiguration{level},
	}
}

func sarifResultOf(f found, at sarifArtifactLocation, rules []sarifRule) sarifResult {
	r := sarifResult{RuleID: cmp.Or(f.Name, faultRule.Name), Level: f.Severity, Locations: []sarifLocation{{sarifPhysical{Artifact: at}}}}
	r.RuleIndex = slices.IndexFunc(rules, func(rule sarifRule) bool { return rule.ID == r.RuleID })
	text := f.Message
	if f.Cure != "" {
		text += "\ncure: " + f.Cure
	}
	r.Message = sarifText{Text: sarifMessage(text)}
	if f.Line == 0 {
		return r
	}
	place := &r.Locations[0].Physical
	place.Region = &sarifRegion{StartLine: f.Line, StartColumn: f.Column, EndLine: f.Line, EndColumn: f.EndColumn}
	if f.word != "" {
		place.Region.Snippet = &sarifText{Text: f.word}
	}
	if f.from < f.to {
		place.Context = &sarifRegion{f.Line, f.from + 1, f.Line, f.to + 1, &sarifText{Text: f.part}}
	}
	return r
}

// sarifMessage is text as a message string: braces would open a placeholder
// and are doubled (SARIF 2.1.0 §3.11.5). Brackets are escaped only where they
// would be read as a link (§3.11.6), since few readers know that escape.
func sarifMessage(text string) string {
	text = strings.NewReplacer("{", "{{", "}", "}}").Replace(text)
	if strings.Contains(text, "](") {
		text = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(text)
	}
	return text
}

// fileURI is the URI reference of a file: relative to dir if it is below that,
// else absolute (RFC 8089).
func fileURI(file, dir string) string {
	if dir == "" && !filepath.IsAbs(file) {
		return uriPath(filepath.ToSlash(filepath.Clean(file)))
	}
	whole := file
	if !filepath.IsAbs(whole) {
		whole = filepath.Join(dir, file)
	}
	if relative, err := filepath.Rel(dir, whole); dir != "" && err == nil && filepath.IsLocal(relative) {
		return uriPath(filepath.ToSlash(relative))
	}
	whole = filepath.ToSlash(filepath.Clean(whole))
	return "file://" + uriPath("/"+strings.TrimPrefix(whole, "/"))
}

// uriPath is a path in a URI: bytes that may not stand there are
// percent-encoded (RFC 3986 §2.1, §3.3), and colons too, since the first part
// of a relative reference may have none (§4.2).
func uriPath(path string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~!$&'()*+,;=@/", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
