package view

import (
	"bytes"
	"encoding/json"
	"strings"
)

// mask stands for a text that may be a secret.
const mask = "(masked)"

// masked is the JSON body of a request in a line. What an owner holds below
// credentials and settings may be a password or a key of somebody else: each
// text there is masked, but for what a plan stands for and for the kid that
// signs.
func masked(body json.RawMessage) string {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return mask
	}
	text, err := jsonLine(maskIn(v, "", false))
	if err != nil {
		return mask
	}
	return text
}

func maskIn(v any, name string, below bool) any {
	switch v := v.(type) {
	case map[string]any:
		for member := range v {
			v[member] = maskIn(v[member], member, below || member == "credentials" || member == "settings")
		}
	case []any:
		for i := range v {
			v[i] = maskIn(v[i], name, below)
		}
	case string:
		if known := name == "kid" || strings.HasPrefix(v, "$<") && strings.HasSuffix(v, ">"); below && !known && v != "" {
			return mask
		}
	}
	return v
}
