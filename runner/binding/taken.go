package binding

import (
	"maps"
	"slices"

	"github.com/expr-lang/expr/builtin"
)

// TakenNames are the names of which [Taken] says something, sorted.
func TakenNames() []string {
	names := slices.Collect(maps.Keys(builtin.Index))
	names = slices.AppendSeq(names, maps.Keys(namespaces))
	slices.Sort(names)
	return slices.Compact(names)
}
