// Package binding is the language of a playbook's values: literal text with
// expressions in it, `$<…>`.
//
// A value passes four stations, each of which a caller can stop at:
//
//	Scan       splits a scalar's text into literal parts and expressions
//	Compile    parses one expression and checks kinds, names and labels
//	Expr.Type  what the result will be, known before anything runs
//	Eval       computes it over real values
//
// The expressions are those of expr-lang/expr, cut down to what can be
// checked: every name is declared in a [Scope], every member is known, and
// only a short list of functions can be called. There is no clock, file,
// network or environment, so an expression gives the same result in a dry run
// and, days later, in the run.
//
// Left out of expr, with a fault that says what to write instead: `let`, `;`,
// `..`, `if`, `?:`, chained comparisons, byte literals, comments, methods,
// computed member names, patterns that are no literals, and a group of names
// (inputs, vars, steps, run) as a value. Each of them hides what an expression
// depends on, what kind it has, or how long it takes.
//
// Two checkers look at every expression. Ours walks the tree first: it knows
// names, kinds and labels and words the faults. Expr's own check follows, before
// it compiles: it must find nothing, which the tests hold over thousands of
// random expressions.
//
// # Labels
//
// Beside its [Kind] a [Type] carries [Label]s. They follow a value from its
// reference to the result:
//
//   - [Secret]: whatever touches a secret is secret, a comparison too.
//   - [Opaque]: assigned by somebody else and unknown when a plan is made.
//     It can be handed on, embedded and compared for equality, but nothing may
//     be computed from it: a plan could not show the result.
//   - [Absent]: may be null. It can be handed on to where null fits; anything
//     else needs `?? fallback`, or `?.` to read a member.
//
// # Faults
//
// A [Fault] names a rune of the scalar's decoded text. The caller knows where
// that text stands in a file and turns the offset into line and column. One
// mistake gives one fault: what is built on a faulty part has the kind
// [Invalid], which fits everywhere.
package binding
