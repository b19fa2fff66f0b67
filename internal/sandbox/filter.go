package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"example.com/rekey/internal/okta"
)

// Filter is one comparison of a list's filter expression: attribute eq "value"
// (Okta: Apps API, List all applications). The zero value matches everything.
type Filter struct {
	Attribute string // id, status, name or credentials.signing.kid
	Value     string
}

// ParseFilter reads an expression such as credentials.signing.kid eq "abc".
// The empty text is the filter that matches everything.
func ParseFilter(text string) (Filter, error) {
	if strings.TrimSpace(text) == "" {
		return Filter{}, nil
	}
	f, err := parseFilter(strings.TrimSpace(text))
	if err != nil {
		return Filter{}, fmt.Errorf("the filter %q cannot be read: %w; write attribute eq \"value\"", clip(text), err)
	}
	return f, nil
}

func parseFilter(text string) (Filter, error) {
	fields := strings.Fields(text)
	if len(fields) < 3 || !strings.EqualFold(fields[1], "eq") {
		return Filter{}, errors.New("only the comparison eq is known")
	}
	f := Filter{Attribute: fields[0]}
	switch f.Attribute {
	case "id", "status", "name", "credentials.signing.kid":
	default:
		return Filter{}, fmt.Errorf("the attribute %q cannot be filtered by, only id, status, name and credentials.signing.kid", clip(f.Attribute))
	}
	value := strings.TrimSpace(text[len(fields[0]):])[len(fields[1]):]
	if err := json.Unmarshal([]byte(value), &f.Value); err != nil || strings.TrimSpace(value)[0] != '"' {
		return Filter{}, errors.New("the value must be one text in double quotes")
	}
	return f, nil
}

// String is the expression that [ParseFilter] reads.
func (f Filter) String() string {
	if f.Attribute == "" {
		return ""
	}
	return f.Attribute + " eq " + strings.TrimSpace(string(encodeJSON(f.Value)))
}

// Match tells whether an owner's object is among what the filter lists.
func (f Filter) Match(o okta.Object) bool {
	if f.Attribute == "" {
		return true
	}
	v, ok := o.At("/" + strings.ReplaceAll(f.Attribute, ".", "/"))
	return ok && v == any(f.Value)
}
