package binding

import (
	"slices"
	"testing"
)

func TestTakenNames(t *testing.T) {
	names := TakenNames()
	for _, name := range names {
		if Taken(name) == "" {
			t.Errorf("%s is listed and free", name)
		}
	}
	for _, name := range []string{"filter", "inputs", "steps", "now"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing", name)
		}
	}
	if slices.Contains(names, "app") || Taken("app") != "" {
		t.Error("app is taken")
	}
}
