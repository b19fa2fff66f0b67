package binding

import "github.com/expr-lang/expr/ast"

// describe names a node in a message: its path if it has one.
func (c *descent) describe(n ast.Node) string {
	if path, ok := pathText(n); ok {
		return "`" + clip(path) + "`"
	}
	switch n := n.(type) {
	case *ast.BuiltinNode:
		return "the result of `" + n.Name + "`"
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			return "the result of `" + clip(id.Value) + "`"
		}
	case *ast.PointerNode:
		return "the element"
	case *ast.ChainNode:
		return c.describe(n.Node)
	case *ast.MemberNode:
		if p, ok := n.Property.(*ast.StringNode); ok {
			return "`." + clip(p.Value) + "`"
		}
		return "the element"
	case *ast.StringNode:
		return "the text"
	}
	return "this value"
}

// pathText writes a chain of names as a playbook would: `steps.gen?.kid`.
func pathText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.ChainNode:
		return pathText(n.Node)
	case *ast.MemberNode:
		p, ok := n.Property.(*ast.StringNode)
		if !ok {
			return "", false
		}
		path, ok := pathText(n.Node)
		if n.Optional {
			return path + "?." + p.Value, ok
		}
		return path + "." + p.Value, ok
	}
	return "", false
}

// start is the rune offset at which a node's text begins.
func start(n ast.Node) int {
	switch n := n.(type) {
	case *ast.MemberNode:
		return start(n.Node)
	case *ast.ChainNode:
		return start(n.Node)
	case *ast.SliceNode:
		return start(n.Node)
	case *ast.BinaryNode:
		return start(n.Left)
	case *ast.ConditionalNode:
		return start(n.Cond)
	case *ast.PredicateNode:
		return start(n.Node)
	}
	return n.Location().From
}
