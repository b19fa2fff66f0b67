package runner

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/rekey/runner/binding"
)

// LoopDecl is how a step is repeated.
type LoopDecl struct {
	Each        *Node // an expression or a list
	As          string
	AsPos       Position
	Key         string // member that tells items apart; empty: the item itself, or its id
	KeyPos      Position
	Concurrency int
	Batches     []Batch // none: all at once
	MaxFailures int
}

// Batch is the size of one batch of a loop's items.
type Batch struct {
	Size    int
	Percent bool // of all items, rounded up
}

// of is the batch's size among total items.
func (b Batch) of(total int) int {
	if !b.Percent {
		return b.Size
	}
	return (total*b.Size + 99) / 100
}

// String is the batch as it is written.
func (b Batch) String() string {
	if b.Percent {
		return strconv.Itoa(b.Size) + "%"
	}
	return strconv.Itoa(b.Size)
}

// Retry is how often a step is tried, and how long it waits in between: Delay
// before the second try, twice as long before each further one, but never
// longer than MaxDelay.
type Retry struct {
	Attempts        int
	Delay, MaxDelay time.Duration
}

// wait is the time between try n, from 1, and the next.
func (r *Retry) wait(n int) time.Duration {
	d := r.Delay
	for ; n > 1 && d < r.MaxDelay; n-- {
		d *= 2
	}
	return min(d, r.MaxDelay)
}

// What the numbers of a step may be.
const (
	maxConcurrency = 100
	maxAttempts    = 100
	maxDelay       = time.Hour
	maxTimeout     = 24 * time.Hour
	maxLoops       = 256 // of a playbook: each needs a scope of its own
)

// The keys of a step that only a loop has, and those that only a step with a
// type has.
var (
	loopKeys = []string{"as", "key", "concurrency", "batches", "max_failures"}
	tryKeys  = []string{"retry", "timeout"}
)

var memberForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// loop reads for_each and what belongs to it.
func (r *reader) loop(s *StepDecl, n *Node) {
	each := n.Get("for_each")
	if each == nil {
		for _, e := range n.Entries {
			if key := e.Key.Value.(string); slices.Contains(loopKeys, key) {
				r.faults.Add(e.Key.Pos, key+" is given without for_each", "add for_each, a list whose items the step is done for, or leave "+key+" out")
			}
		}
		return
	}
	l := &LoopDecl{Each: each, Concurrency: 1, AsPos: each.Pos}
	s.Loop = l
	if r.loops++; r.loops == maxLoops+1 {
		r.faults.Add(each.Pos, fmt.Sprintf("a playbook has at most %d loops", maxLoops), "loop over one list with more items")
	}
	const cure = "write $<inputs.apps>, or the items themselves: [a, b]"
	if text, _ := each.Value.(string); each.Kind == List && len(each.Items) == 0 {
		r.faults.Add(each.Pos, "for_each is an empty list", cure)
		l.Each = nil
	} else if each.Kind != List && !strings.Contains(text, "$<") {
		r.faults.Add(each.Pos, "for_each is a list, or an expression that yields one", cure)
		l.Each = nil
	}
	r.as(l, n)
	if k := n.Get("key"); k != nil {
		l.KeyPos = k.Pos
		if l.Key = r.text(k, "key"); k.Kind == String && !memberForm.MatchString(l.Key) {
			r.faults.Add(k.Pos, "key "+quoted(l.Key)+" names no member", "write the name of the member that tells the items apart, such as id")
			l.Key = ""
		}
	}
	if c := n.Get("concurrency"); c != nil {
		l.Concurrency = r.count(c, "concurrency", 1, maxConcurrency)
	}
	if f := n.Get("max_failures"); f != nil {
		l.MaxFailures = r.count(f, "max_failures", 0, 1<<31-1)
	}
	if b := n.Get("batches"); b != nil {
		l.Batches = r.batches(b)
	}
}

// as reads the name of a loop's variable.
func (r *reader) as(l *LoopDecl, n *Node) {
	as := n.Get("as")
	if as == nil {
		r.faults.Add(l.AsPos, "for_each is given without as", "add as: NAME, the name of the item in expressions, such as as: app")
		return
	}
	l.AsPos = as.Pos
	text := r.text(as, "as")
	if as.Kind != String {
		return
	}
	before := len(r.faults)
	r.name(as)
	if taken := binding.Taken(text); taken != "" {
		r.faults.Add(as.Pos, quoted(text)+" is "+taken+" in expressions", "choose another name, such as item")
	}
	if len(r.faults) == before {
		l.As = text
	}
}

// count reads a number within bounds; a fault yields the least.
func (r *reader) count(n *Node, what string, low, high int64) int {
	v, isInt := n.Value.(int64)
	switch {
	case n.Kind == String && strings.Contains(n.Value.(string), "$<"):
		r.faults.Add(n.Pos, what+" is a literal and no expression", "write the number itself")
	case !isInt:
		r.faults.Add(n.Pos, what+" is a whole number, this is "+n.Kind.String(), "write a number of at least "+itoa(int(low)))
	case v < low:
		r.faults.Add(n.Pos, fmt.Sprintf("%s is %d, less than %d", what, v, low), "write a number of at least "+itoa(int(low)))
	case v > high:
		r.faults.Add(n.Pos, fmt.Sprintf("%s is %d, more than %d", what, v, high), "write a number of at most "+itoa(int(high)))
	default:
		return int(v)
	}
	return int(low)
}

var percentForm = regexp.MustCompile(`^([1-9][0-9]?|100)%$`)

func (r *reader) batches(n *Node) (sizes []Batch) {
	const cure = "write sizes, such as [1, 10%, 100%]: one item first, then a tenth, then the rest"
	switch {
	case n.Kind == List && len(n.Items) == 0:
		r.faults.Add(n.Pos, "batches is an empty list", cure)
	case n.Kind != List:
		r.faults.Add(n.Pos, "batches is a list of sizes, this is "+n.Kind.String(), cure)
	}
	for _, item := range n.Items {
		text, isText := item.Value.(string)
		size, isInt := item.Value.(int64)
		switch {
		case isInt && size >= 1 && size < 1<<31:
			sizes = append(sizes, Batch{Size: int(size)})
		case isText && percentForm.MatchString(text):
			percent, _ := strconv.Atoi(strings.TrimSuffix(text, "%"))
			sizes = append(sizes, Batch{Size: percent, Percent: true})
		default:
			r.faults.Add(item.Pos, "the size of a batch is a number from 1, or a percentage from 1% to 100%", cure)
		}
	}
	return sizes
}

func (r *reader) retry(s *StepDecl, n *Node) {
	switch {
	case n == nil:
		return
	case n.Kind != Map:
		r.faults.Add(n.Pos, "retry must be a mapping, this is "+n.Kind.String(), "write {attempts: 3, delay: 2s, max_delay: 30s}")
		return
	}
	r.known(n, retryDocs.names())
	s.Retry = &Retry{Attempts: 2, Delay: time.Second, MaxDelay: time.Minute}
	if a := n.Get("attempts"); a == nil {
		r.faults.Add(n.Pos, "retry has no attempts", "say how many tries there are in all, such as attempts: 3")
	} else {
		s.Retry.Attempts = r.count(a, "attempts", 2, maxAttempts)
	}
	delay, longest := n.Get("delay"), n.Get("max_delay")
	if delay != nil {
		s.Retry.Delay = r.duration(delay, "delay", maxDelay)
		s.Retry.MaxDelay = max(s.Retry.MaxDelay, s.Retry.Delay)
	}
	if longest != nil {
		s.Retry.MaxDelay = r.duration(longest, "max_delay", maxDelay)
		if d := s.Retry.MaxDelay; d > 0 && d < s.Retry.Delay {
			r.faults.Add(longest.Pos, "max_delay is less than delay", "make it at least "+s.Retry.Delay.String())
		}
	}
}

// duration reads a length of time above zero; a fault yields zero.
func (r *reader) duration(n *Node, what string, most time.Duration) time.Duration {
	const cure = "write a duration with its units, h, m or s, such as 90s, 5m or 1h30m"
	text, isText := n.Value.(string)
	d, err := time.ParseDuration(text)
	switch {
	case isText && strings.Contains(text, "$<"):
		r.faults.Add(n.Pos, what+" is a literal and no expression", cure)
	case !isText || err != nil:
		r.faults.Add(n.Pos, what+" is no duration", cure)
	case d <= 0:
		r.faults.Add(n.Pos, what+" is not above zero", cure)
	case d > most:
		r.faults.Add(n.Pos, fmt.Sprintf("%s is longer than %dh", what, int(most.Hours())), "make it shorter")
	default:
		return d
	}
	return 0
}
