package runner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// queue has something to do done in a scope, after what is in the queue
// already.
func (m *Machine) queue(s *scope) {
	if !s.queued && !s.ended {
		s.queued = true
		m.ready = append(m.ready, s)
	}
}

// idle takes note that what was given out in a scope has come to something.
func (m *Machine) idle(s *scope) {
	if s.busy {
		s.busy = false
		m.busy--
	}
}

// enter begins the step at a scope's program counter, or ends the scope.
func (m *Machine) enter(s *scope) {
	if s.pc == len(s.steps) {
		s.node = nil
		if s.asserted < len(s.asserts()) || s.owner == nil {
			m.queue(s)
			return
		}
		m.end(s)
		return
	}
	n := &node{step: s.steps[s.pc], scope: s}
	n.name = n.step.ID
	switch {
	case s.item() && s.owner.step.Type != nil:
		n.name = s.name
	case s.name != "":
		n.name = s.name + "." + n.name
	}
	if n.step.Loop != nil {
		n.loop = &loopState{}
	}
	s.node, m.nodes[n.name] = n, n
	if n.step.Steps != nil && n.loop == nil && n.step.cond == nil {
		m.inside(n)
		return
	}
	m.queue(s)
}

// inside begins the steps of a block. They share the scope's names.
func (m *Machine) inside(n *node) {
	n.phase = phInside
	n.body = &scope{owner: n, name: n.scope.name, env: n.scope.env, steps: n.step.Steps}
	m.enter(n.body)
}

// advance goes on to the next step of a scope.
func (m *Machine) advance(s *scope) {
	s.pc++
	m.enter(s)
}

// end takes note that a block or an item is over.
func (m *Machine) end(s *scope) {
	if s.ended = true; s.item() {
		m.itemEnded(s)
		return
	}
	s.owner.phase = phDone
	m.advance(s.owner.scope)
}

// mishap is why something failed.
type mishap struct {
	text    string
	cure    string // what to do about it: a part of the text; "" if that is not known
	setting bool   // a setting of the caller is missing or wrong
}

func (e Event) mishap() mishap { return mishap{e.Error, e.Cure, e.Setting} }

// failScope has a scope fail because of a step in it: a block fails what it
// is in, an item is undone, and the playbook decides.
func (m *Machine) failScope(s *scope, step string, why mishap) {
	for s.owner != nil && !s.item() {
		s.failed, s.ended, s.owner.phase = true, true, phFailed
		s = s.owner.scope
	}
	s.failed, s.mishap = true, why
	if s.owner == nil {
		m.failed, m.failure, m.cure, m.setting = step, why.text, why.cure, why.setting
	} else if step != s.name {
		s.mishap.text = "step " + step + ": " + why.text
	}
	m.queue(s)
}

// loopState is how far a loop is.
type loopState struct {
	items   []any
	keys    []string
	ends    []int    // of the batches
	batch   int      // the one that is carried out
	next    int      // the item that begins next
	live    []*scope // the items begun and not ended
	failed  []*scope // in the order in which they did
	first   int      // failures before this batch
	stopped string   // why no further item begins; empty: they do
	setting bool
}

// over reports whether nothing of the loop is left to do.
func (l *loopState) over() bool {
	return len(l.live) == 0 && l.ends != nil && (l.stopped != "" || l.next == len(l.items))
}

// itemize takes up a loop's items and begins the first of them.
func (m *Machine) itemize(n *node, e Event) error {
	n.phase = phInside
	l := n.loop
	l.keys, l.items = e.Keys, make([]any, len(e.Items))
	for i, item := range e.Items {
		decoded, err := n.step.Loop.elem.Decode(item)
		if err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
		l.items[i] = decoded
	}
	if l.ends = n.step.Loop.bounds(len(l.items)); len(l.items) == 0 {
		l.ends = []int{0}
	}
	m.fill(n)
	return nil
}

// fill begins items of a loop, as many as may be under way at a time. Once an
// action is stuck no item begins anywhere: a person has to look first.
func (m *Machine) fill(n *node) {
	l, most := n.loop, n.step.Loop.Concurrency
	if m.sequential {
		most = 1
	}
	for l.stopped == "" && len(m.stuck) == 0 && len(l.live) < most && l.next < l.ends[l.batch] {
		i := l.next
		l.next++
		s := m.newItem(n, i)
		l.live = append(l.live, s)
		m.items[s.name] = s
		m.enter(s)
	}
	if l.over() {
		m.queue(n.scope)
	}
}

// newItem makes the scope of an item: what is outside of the loop and used in
// it, and the item.
func (m *Machine) newItem(n *node, i int) *scope {
	loop, outer := n.step.Loop, n.scope.env
	env := maps.Clone(outer)
	known, steps := outer["steps"].(map[string]any), map[string]any{}
	for id := range loop.outer {
		steps[id] = known[id]
	}
	env["steps"], env[loop.As] = steps, n.loop.items[i]
	key := n.loop.keys[i]
	return &scope{owner: n, name: n.name + "[" + key + "]", key: key, env: env, steps: n.step.Steps}
}

// itemEnded counts an item that is over, and begins others. The next batch
// begins when the one before succeeded: no more items failed than may, and
// not every item of the batch.
func (m *Machine) itemEnded(s *scope) {
	n := s.owner
	l := n.loop
	l.live = slices.DeleteFunc(l.live, func(live *scope) bool { return live == s })
	if s.failed {
		l.failed = append(l.failed, s)
		m.tolerated++
		l.stop(s, n.step.Loop.MaxFailures)
	}
	if end := l.ends[l.batch]; len(l.live) == 0 && l.next == end && end < len(l.items) && l.stopped == "" {
		begin := 0
		if l.batch > 0 {
			begin = l.ends[l.batch-1]
		}
		if len(l.failed)-l.first == end-begin {
			l.stopped = fmt.Sprintf("every item of batch %d failed", l.batch+1)
		} else {
			l.batch++
			l.first = len(l.failed)
		}
	}
	m.fill(n)
}

// stop keeps further items from beginning if the failure of this one is one too
// many, or none that could be tolerated.
func (l *loopState) stop(s *scope, most int) {
	switch {
	case s.mishap.setting:
		l.stopped, l.setting = "a setting is wrong, for every item", true
	case s.incomplete():
		l.stopped = "an item that failed could not be undone"
	case l.stopped == "" && len(l.failed) > most:
		l.stopped = fmt.Sprintf("max_failures is %d", most)
	}
}

// incomplete reports whether something in an item could not be undone.
func (s *scope) incomplete() bool {
	return slices.ContainsFunc(s.started, func(n *node) bool { return n.phase == phUndoFailed })
}

// why says how many items of a loop failed, why no others began, and of the
// first few items why they failed.
func (l *loopState) why() string {
	const most = 3
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d items failed", len(l.failed), len(l.items))
	if begun := l.next; begun < len(l.items) {
		fmt.Fprintf(&b, ", %d did not begin", len(l.items)-begun)
	}
	b.WriteString(" (" + l.stopped + ")")
	for i, s := range l.failed {
		if i == most {
			fmt.Fprintf(&b, "; and %d more", len(l.failed)-most)
			break
		}
		b.WriteString("; " + s.name + ": " + cutEnd(s.mishap.text, 300))
	}
	return b.String()
}

// cure is what to do about the first failure of an item that says so.
func (l *loopState) cure() string {
	for _, s := range l.failed {
		if s.mishap.cure != "" {
			return s.mishap.cure
		}
	}
	return ""
}

// hold gives an action the claims that it names. They are free, or those of a
// run that is told again.
func (m *Machine) hold(n *node) {
	for _, c := range n.claims {
		m.held[c] = n
	}
}

// claim gives an action its claims if nobody else has one of them; else its
// scope waits until that is free.
func (m *Machine) claim(n *node, s *scope) bool {
	for _, c := range n.claims {
		if by := m.held[c]; by != nil && by != n {
			m.parked[c] = append(m.parked[c], s)
			return false
		}
	}
	m.hold(n)
	return true
}

// release frees an action's claims for those who wait.
func (m *Machine) release(n *node) {
	for _, c := range n.claims {
		if m.held[c] != n {
			continue
		}
		delete(m.held, c)
		for _, s := range m.parked[c] {
			m.queue(s)
		}
		delete(m.parked, c)
	}
}
