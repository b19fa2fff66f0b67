package main

import (
	"fmt"
	"go/ast"
	gobuild "go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// sources are the packages whose faults are counted, type-checked, and the
// messages found in them. A message is followed from where it becomes that of
// a Fault (a composite literal, an assignment to its field Message) back
// through parameters, variables and results to the texts that it is made of.
type sources struct {
	fset    *token.FileSet
	info    *types.Info
	ours    map[*types.Package]bool
	parents map[ast.Node]ast.Node
	decls   map[*types.Func]*ast.FuncDecl
	params  map[*types.Var]parameter
	calls   map[types.Object][]*ast.CallExpr // of a function, or of what a variable or field holds
	values  map[*types.Var][]ast.Expr        // what is assigned to a variable or field; result of a call: see result
	seen    map[any]bool
	sites   map[token.Pos]site // by the message's place
}

// parameter is the function, declared or literal, and which of its parameters.
type parameter struct {
	of    ast.Node
	index int
}

// result is one of several values of a call; it stands for an expression.
type result struct {
	*ast.CallExpr
	index int
}

func newSources() *sources {
	return &sources{
		fset: token.NewFileSet(), ours: map[*types.Package]bool{}, parents: map[ast.Node]ast.Node{},
		info:  &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}},
		decls: map[*types.Func]*ast.FuncDecl{}, params: map[*types.Var]parameter{}, calls: map[types.Object][]*ast.CallExpr{},
		values: map[*types.Var][]ast.Expr{}, seen: map[any]bool{}, sites: map[token.Pos]site{},
	}
}

// load parses and type-checks the packages; others come compiled.
func (s *sources) load(root string, packages []string) (files []*ast.File, err error) {
	args := append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	list, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	compiled := map[string]string{}
	for line := range strings.Lines(string(list)) {
		path, export, _ := strings.Cut(strings.TrimSpace(line), "\t")
		compiled[path] = export
	}
	known := imported{checked: map[string]*types.Package{}, others: importer.ForCompiler(s.fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(compiled[path])
	})}
	for _, path := range packages {
		dir := filepath.Join(root, strings.TrimPrefix(path, "example.com/rekey/"))
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			return nil, err
		}
		var own []*ast.File
		for _, name := range names {
			match, err := gobuild.Default.MatchFile(dir, filepath.Base(name))
			if err != nil {
				return nil, err
			}
			if !match || strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(s.fset, name, nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			own = append(own, f)
		}
		pkg, err := (&types.Config{Importer: known}).Check(path, s.fset, own, s.info)
		if err != nil {
			return nil, err
		}
		known.checked[path], s.ours[pkg] = pkg, true
		files = append(files, own...)
	}
	return files, nil
}

// imported gives the packages checked here, so that their names are the same
// objects everywhere, and others from what the compiler exported.
type imported struct {
	checked map[string]*types.Package
	others  types.Importer
}

func (i imported) Import(path string) (*types.Package, error) {
	if pkg := i.checked[path]; pkg != nil {
		return pkg, nil
	}
	return i.others.Import(path)
}

// index records parents, declarations, calls and assignments.
func (s *sources) index(f *ast.File) {
	var stack []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		if len(stack) > 0 {
			s.parents[n] = stack[len(stack)-1]
		}
		stack = append(stack, n)
		switch n := n.(type) {
		case *ast.FuncDecl:
			s.decls[s.info.Defs[n.Name].(*types.Func)] = n
			s.declare(n, n.Type)
		case *ast.FuncLit:
			s.declare(n, n.Type)
		case *ast.CallExpr:
			if fn := s.callee(n); fn != nil {
				s.calls[fn] = append(s.calls[fn], n)
			} else if v := s.variable(n.Fun); v != nil {
				s.calls[v] = append(s.calls[v], n)
			}
		case *ast.AssignStmt:
			s.assign(n.Lhs, n.Rhs)
		case *ast.ValueSpec:
			names := make([]ast.Expr, len(n.Names))
			for i, name := range n.Names {
				names[i] = name
			}
			s.assign(names, n.Values)
		case *ast.KeyValueExpr:
			s.assign([]ast.Expr{n.Key}, []ast.Expr{n.Value})
		}
		return true
	})
}

// declare records the parameters of a function.
func (s *sources) declare(of ast.Node, t *ast.FuncType) {
	i := 0
	for _, field := range t.Params.List {
		for _, name := range field.Names {
			if v, ok := s.info.Defs[name].(*types.Var); ok {
				s.params[v] = parameter{of, i}
			}
			i++
		}
		if len(field.Names) == 0 {
			i++
		}
	}
}

func (s *sources) assign(left, right []ast.Expr) {
	for i, l := range left {
		v := s.variable(l)
		switch {
		case v == nil || len(right) == 0:
		case len(left) == len(right):
			s.values[v] = append(s.values[v], right[i])
		default:
			if call, ok := ast.Unparen(right[0]).(*ast.CallExpr); ok {
				s.values[v] = append(s.values[v], result{call, i})
			}
		}
	}
}

// variable is the variable or field that an expression names, or nil.
func (s *sources) variable(e ast.Expr) *types.Var {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		v, _ := s.info.ObjectOf(e).(*types.Var)
		return v
	case *ast.SelectorExpr:
		v, _ := s.info.ObjectOf(e.Sel).(*types.Var)
		return v
	}
	return nil
}

// callee is the function that a call names, or nil.
func (s *sources) callee(call *ast.CallExpr) *types.Func {
	var name *ast.Ident
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		name = f
	case *ast.SelectorExpr:
		name = f.Sel
	default:
		return nil
	}
	fn, _ := s.info.ObjectOf(name).(*types.Func)
	return fn
}
