package okta

import "context"

// Together makes a context whose first n calls of one kind go in one go: where
// a [Pacer] would hold one of them back, it holds the first. Of a read and the
// write that follows from it neither then waits for a rate limit in between.
// What was not used is given back by done.
func (c *Client) Together(ctx context.Context, n int) (together context.Context, done func()) {
	if c.pace == nil || n < 2 {
		return ctx, func() {}
	}
	t := &bundle{pacer: c.pace, org: c.pace.orgOf(c), client: c, n: n}
	return context.WithValue(ctx, togetherKey{}, t), t.done
}

type togetherKey struct{}

// bundle is calls that go in one go. The Pacer's mutex guards it.
type bundle struct {
	pacer  *Pacer
	org    *pacedOrg
	client *Client
	n      int    // calls to ask for; 0: that was done
	class  string // of them
	spare  int    // that may still be sent
}

// bundleOf is the bundle of a context, if it is one of that org's.
func bundleOf(ctx context.Context, o *pacedOrg) *bundle {
	t, _ := ctx.Value(togetherKey{}).(*bundle)
	if t == nil || t.org != o {
		return nil
	}
	return t
}

// take uses a call of the bundle. Where the bucket has turned out to hold less
// than was thought, or others have used it, that call must wait after all.
func (t *bundle) take(class string) bool {
	if t == nil || t.spare == 0 || t.class != class {
		return false
	}
	l := t.org.of[class]
	if l.known && l.limit > 0 && (l.window.used+l.flying > t.org.quota(l) || l.window.left >= 0 && l.flying > l.window.left) {
		t.giveBack()
		return false
	}
	t.spare--
	return true
}

// giveBack lets others have what is left of the bundle.
func (t *bundle) giveBack() {
	if t.spare > 0 {
		l := t.org.of[t.class]
		l.inFlight[t.class] -= t.spare
		l.flying -= t.spare
	}
	t.spare = 0
}

func (t *bundle) done() {
	t.pacer.mu.Lock()
	defer t.pacer.mu.Unlock()
	t.n = 0
	t.giveBack()
	t.org.dispatch(t.org.now(t.client))
}

// weight is how many calls of a lane's window the first of its queue takes.
func (o *pacedOrg) weight(l *lane) int {
	t := l.queue[0].bundle
	switch {
	case t == nil || t.n == 0:
		return 1
	case !l.known || l.limit == 0:
		return t.n
	}
	return min(t.n, o.quota(l))
}
