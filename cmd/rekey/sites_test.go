package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// site is one place in the sources where the message of a fault is written.
type site struct {
	key  string // function and message: what identifies it while lines move
	text string // of the message; hole stands for what is only known when it runs
	at   token.Position
}

// hole stands in a site's text for what is not literal.
const hole = "…"

// shown matches the messages that a site may write.
func (s site) shown() *regexp.Regexp {
	parts := strings.Split(s.text, hole)
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile("(?s)" + strings.Join(parts, ".*"))
}

// findSites reads the packages, given in an order in which each imports those
// before it, from the module's root.
func findSites(root string, packages ...string) ([]site, error) {
	s := newSources()
	files, err := s.load(root, packages)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		s.index(f)
	}
	for _, f := range files {
		ast.Inspect(f, s.start)
	}
	found := make([]site, 0, len(s.sites))
	for _, pos := range slices.Sorted(maps.Keys(s.sites)) {
		found = append(found, s.sites[pos])
	}
	times := map[string]int{}
	for i := range found {
		key := found[i].key
		if times[key]++; times[key] > 1 {
			found[i].key += fmt.Sprintf(" (%d)", times[key])
		}
	}
	return found, nil
}

// start follows the messages that become a fault's at n.
func (s *sources) start(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CompositeLit:
		if fields := s.fault(s.info.TypeOf(n)); fields != nil {
			for i, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok && s.isMessage(s.variable(kv.Key)) {
					s.message(kv.Value)
				} else if !ok && s.isMessage(fields.Field(i)) {
					s.message(e)
				}
			}
		}
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if _, ok := l.(*ast.SelectorExpr); !ok || !s.isMessage(s.variable(l)) {
				continue
			}
			if len(n.Lhs) == len(n.Rhs) {
				s.message(n.Rhs[i])
			} else {
				s.message(result{n.Rhs[0].(*ast.CallExpr), i})
			}
		}
	}
	return true
}

// fault is the struct of a fault, also of a pointer to one whose & is left out
// in a list; nil of any other type.
func (s *sources) fault(t types.Type) *types.Struct {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	named, ok := t.(*types.Named)
	if !ok || named.Obj().Name() != "Fault" || !s.ours[named.Obj().Pkg()] {
		return nil
	}
	return named.Underlying().(*types.Struct)
}

func (s *sources) isMessage(v *types.Var) bool {
	return v != nil && v.IsField() && v.Name() == "Message" && s.ours[v.Pkg()]
}

// message follows one expression that is a message as a whole.
func (s *sources) message(e ast.Expr) {
	e = ast.Unparen(e)
	switch {
	case s.seen[e]:
		return
	case s.isMessage(s.variable(e)): // another fault's: followed where that is made
		return
	case s.info.Types[e].Value != nil && constant.StringVal(s.info.Types[e].Value) == "":
		return
	}
	s.seen[e] = true
	switch e := e.(type) {
	case result:
		s.results(e.CallExpr, e.index)
		return
	case *ast.Ident:
		if v, ok := s.info.ObjectOf(e).(*types.Var); ok && s.variableAsMessage(v) {
			return
		}
	case *ast.CallExpr:
		if sel, ok := e.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Error" {
			s.message(sel.X)
			return
		}
		if s.results(e, 0) {
			return
		}
	}
	s.found(e)
	s.causes(e)
}

// variableAsMessage follows what a variable may hold; false if nobody knows.
func (s *sources) variableAsMessage(v *types.Var) bool {
	if p, ok := s.params[v]; ok {
		calls := s.callsOf(p.of)
		for _, call := range calls {
			s.message(call.Args[p.index])
		}
		return len(calls) > 0
	}
	for _, e := range s.values[v] {
		s.message(e)
	}
	return len(s.values[v]) > 0
}

// callsOf are the calls of a function by its name, or by that of a variable or
// field which holds it.
func (s *sources) callsOf(fn ast.Node) (calls []*ast.CallExpr) {
	if decl, ok := fn.(*ast.FuncDecl); ok {
		return s.calls[s.info.Defs[decl.Name]]
	}
	for v, values := range s.values {
		if slices.ContainsFunc(values, func(e ast.Expr) bool { return ast.Unparen(e) == fn }) {
			calls = append(calls, s.calls[v]...)
		}
	}
	return calls
}

// results follows what a call may return; false if that is not ours to know.
func (s *sources) results(call *ast.CallExpr, index int) bool {
	if fn := s.callee(call); fn != nil {
		decl := s.decls[fn]
		if decl == nil {
			return false
		}
		s.returned(decl.Type, decl.Body, index)
		return true
	}
	known := false
	for _, f := range s.values[s.variable(call.Fun)] { // a function in a field
		if lit, ok := ast.Unparen(f).(*ast.FuncLit); ok {
			s.returned(lit.Type, lit.Body, index)
			known = true
		}
	}
	return known
}

func (s *sources) returned(of *ast.FuncType, body *ast.BlockStmt, index int) {
	if s.seen[[2]any{body, index}] {
		return
	}
	s.seen[[2]any{body, index}] = true
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			switch {
			case len(n.Results) == 0:
				s.message(of.Results.List[index].Names[0])
			case len(n.Results) == 1 && of.Results.NumFields() > 1:
				s.message(result{n.Results[0].(*ast.CallExpr), index})
			case s.info.Types[n.Results[index]].IsNil():
			default:
				if id, ok := n.Results[index].(*ast.Ident); ok && s.textOf(id) != hole {
					s.found(id) // one text, returned with several cures
				}
				s.message(n.Results[index])
			}
		}
		return true
	})
}

// causes follows the errors that stand within a message: their texts are part
// of it.
func (s *sources) causes(e ast.Expr) {
	ast.Inspect(e, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		v, ok := s.info.ObjectOf(id).(*types.Var)
		if ok && !v.IsField() && types.Identical(v.Type(), types.Universe.Lookup("error").Type()) {
			for _, value := range s.values[v] {
				s.message(value)
			}
		}
		return true
	})
}

// found records the site of a message: not where a call of another package
// makes an error of its own.
func (s *sources) found(e ast.Expr) {
	text := s.textOf(e)
	if text == hole && s.isError(e) {
		return
	}
	fn := "the package"
	for n := s.parents[e]; n != nil; n = s.parents[n] {
		if decl, ok := n.(*ast.FuncDecl); ok {
			fn = s.info.Defs[decl.Name].(*types.Func).FullName()
		}
	}
	fn = strings.ReplaceAll(fn, "example.com/rekey/", "")
	s.sites[e.Pos()] = site{key: fn + ": " + text, text: text, at: s.fset.Position(s.statement(e).Pos())}
}

func (s *sources) isError(e ast.Expr) bool {
	t := s.info.TypeOf(e)
	return t != nil && types.Implements(t, types.Universe.Lookup("error").Type().Underlying().(*types.Interface))
}

// statement is the innermost one around e, which decides whether e is reached.
func (s *sources) statement(e ast.Node) ast.Node {
	for n := e; n != nil; n = s.parents[n] {
		switch n.(type) {
		case *ast.BlockStmt, *ast.CaseClause:
		case ast.Stmt:
			return n
		}
	}
	return e
}

var verb = regexp.MustCompile(`%[-+# 0-9.\[\]]*[a-zA-Z]`)

// textOf is the text of a message as far as it is literal.
func (s *sources) textOf(e ast.Expr) string {
	if v := s.info.Types[e].Value; v != nil && v.Kind() == constant.String {
		return constant.StringVal(v)
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.BinaryExpr:
		return strings.ReplaceAll(s.textOf(e.X)+s.textOf(e.Y), hole+hole, hole)
	case *ast.CallExpr:
		fn := s.callee(e)
		if fn == nil || len(e.Args) == 0 {
			return hole
		}
		switch fn.FullName() {
		case "errors.New":
			return s.textOf(e.Args[0])
		case "fmt.Sprintf", "fmt.Errorf":
			format := strings.ReplaceAll(s.textOf(e.Args[0]), "%%", "\x00")
			return strings.ReplaceAll(verb.ReplaceAllString(format, hole), "\x00", "%")
		}
	case *ast.Ident:
		if v, ok := s.info.ObjectOf(e).(*types.Var); ok && len(s.values[v]) == 1 {
			if _, isParameter := s.params[v]; !isParameter && !s.isError(e) {
				if _, isResult := s.values[v][0].(result); !isResult {
					return s.textOf(s.values[v][0])
				}
			}
		}
	}
	return hole
}

// reached reads what `go tool covdata textfmt` wrote and tells for a place
// whether it was executed, and whether it is known there at all.
func reached(profile string) func(token.Position) (executed, known bool) {
	type block struct {
		from, to [2]int
		executed bool
	}
	blocks := map[string][]block{}
	for line := range strings.Lines(profile) {
		var b block
		var statements, count int
		file, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.from[0], &b.from[1], &b.to[0], &b.to[1], &statements, &count); err == nil {
			b.executed = count > 0
			file = strings.TrimPrefix(file, "example.com/rekey/")
			blocks[file] = append(blocks[file], b)
		}
	}
	return func(at token.Position) (executed, known bool) {
		place, file := [2]int{at.Line, at.Column}, filepath.ToSlash(at.Filename)
		for name, in := range blocks {
			if !strings.HasSuffix(file, "/"+name) {
				continue
			}
			for _, b := range in {
				if slices.Compare(b.from[:], place[:]) <= 0 && slices.Compare(place[:], b.to[:]) < 0 {
					executed, known = executed || b.executed, true
				}
			}
		}
		return executed, known
	}
}
