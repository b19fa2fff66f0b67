package conformance

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// cause is one thing that is wrong with a message.
type cause struct {
	in    string   // a parameter's name; "" = the body, or the message as a whole
	place []string // in the body, the parts of a JSON pointer; nil = the body as a whole
	what  string
}

// text is the cause as it stands in findings. Members of an app or IdP are
// given with its name, since kinds of them differ; where it stands in a list
// does not matter.
func (c cause) text(doc any) string {
	if c.in != "" {
		return c.in + ": " + c.what
	}
	if c.place == nil {
		return c.what
	}
	place := slices.Clone(c.place)
	if list, ok := doc.([]any); ok {
		if i, err := strconv.Atoi(place[0]); err == nil && i < len(list) {
			doc, place = list[i], place[1:]
		}
	}
	prefix := ""
	if owner, ok := doc.(map[string]any); ok && (owner["signOnMode"] != nil || owner["protocol"] != nil) {
		name, _ := owner["name"].(string)
		prefix = "[" + name + "] "
	}
	for i, p := range place {
		if _, err := strconv.Atoi(p); err == nil {
			place[i] = "#"
		}
	}
	return prefix + "/" + strings.Join(place, "/") + ": " + c.what
}

// causes takes a verdict of kin-openapi apart.
func causes(err error) []cause {
	switch e := err.(type) {
	case nil:
		return nil
	case openapi3.MultiError:
		var all []cause
		for _, e := range e {
			all = append(all, causes(e)...)
		}
		return all
	case *openapi3.SchemaError:
		return schemaCauses(e)
	case *openapi3filter.ResponseError:
		return inner(e.Reason, e.Err)
	case *openapi3filter.RequestError:
		all := inner(e.Reason, e.Err)
		if e.Parameter != nil {
			for i := range all {
				all[i].in = "parameter " + e.Parameter.Name
			}
		}
		return all
	}
	return []cause{{what: err.Error()}}
}

// inner is what lies behind a verdict, or its reason if that says more.
func inner(reason string, err error) []cause {
	switch err.(type) {
	case nil:
		return []cause{{what: reason}}
	case openapi3.MultiError, *openapi3.SchemaError:
		return causes(err)
	}
	return []cause{{what: strings.TrimPrefix(reason+": "+err.Error(), ": ")}}
}

// schemaCauses is what a schema finds fault with. One that is made of others
// says so in its origin; of alternatives the one counts that comes closest.
func schemaCauses(e *openapi3.SchemaError) []cause {
	var parts openapi3.MultiError
	if list, ok := errors.Unwrap(e.Origin).(interface{ Unwrap() error }); ok {
		parts, _ = list.Unwrap().(openapi3.MultiError)
	}
	if parts == nil {
		return []cause{{place: e.JSONPointer(), what: e.Reason}}
	}
	var all []cause
	for i, part := range parts {
		these := causes(part)
		switch {
		case e.SchemaField != "oneOf":
			all = append(all, these...)
		case i == 0 || len(these) < len(all):
			all = these
		}
	}
	return all
}
