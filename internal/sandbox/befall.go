package sandbox

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/rekey/internal/okta"
)

// fate is what befalls one request: of the faults whose turn it is, the first
// that decides about the answer, the longest delay and hold, and each change.
type fate struct {
	fault         Fault
	hit           bool // fault decides about the answer
	hide, hold    time.Duration
	before, after []Change
}

// fate counts a request for the faults that match it, and says which take
// their turn.
func (s *Server) fate(r *http.Request) (f fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, fault := range s.opt.Faults {
		if !fault.matches(r) {
			continue
		}
		s.counts[i]++
		if fault.N != 0 && fault.N != s.counts[i] {
			continue
		}
		switch {
		case fault.Kind == FaultDelay:
			f.hide = max(f.hide, fault.Delay)
		case fault.Kind == FaultHold:
			f.hold = max(f.hold, fault.Delay)
		case fault.Kind == FaultChange && fault.After:
			f.after = append(f.after, fault.Change)
		case fault.Kind == FaultChange:
			f.before = append(f.before, fault.Change)
		case !f.hit:
			f.fault, f.hit = fault, true
		}
	}
	return f
}

// befallen answers a request to which that happens.
func (s *Server) befallen(rq *request, f fate) answer {
	rq.hide = f.hide
	s.change(rq, f.before)
	a := s.outcome(rq, f)
	s.change(rq, f.after)
	if gone := s.hold(rq, f.hold); gone && a.cut == cutNot {
		return answer{cut: cutClosed}
	}
	return a
}

func (s *Server) outcome(rq *request, f fate) answer {
	if !f.hit {
		return s.perform(rq)
	}
	switch f.fault.Kind {
	case FaultLost:
		s.perform(rq)
		return answer{cut: cutClosed}
	case FaultReset:
		return answer{cut: cutReset}
	case FaultLate:
		s.performLater(rq, f.fault.Delay)
		return answer{cut: cutClosed}
	}
	if f.fault.After {
		s.perform(rq)
	}
	return s.faultAnswer(rq, f.fault)
}

// performLater carries a request out after its client is gone. Nobody is left
// to be told what came of it.
func (s *Server) performLater(rq *request, after time.Duration) {
	late := *rq
	late.Request = rq.Clone(context.WithoutCancel(rq.Context()))
	s.opt.After(after, func() { s.perform(&late) })
}

func (s *Server) faultAnswer(rq *request, f Fault) answer {
	if f.Status == http.StatusUnauthorized && strings.HasPrefix(rq.URL.Path, oauthPaths) {
		return s.failed(unknownClient(toldToFail)) // as for one that was deactivated
	}
	a := s.failed(problemOf(f.Status))
	if f.Status != http.StatusTooManyRequests {
		return a
	}
	a.header.Set("X-Rate-Limit-Remaining", "0")
	if f.Crowded {
		// The moment of the bucket stays: it is not the bucket that ran out.
		a.header.Set("X-Rate-Limit-Limit", "0")
		return a
	}
	a.header.Set("X-Rate-Limit-Reset", strconv.FormatInt(s.opt.Now().Unix()+1, 10))
	return a
}

// cut is how a connection ends without an answer.
type cut uint8

const (
	cutNot cut = iota
	cutClosed
	cutReset
)

// end ends the connection of a request without an answer.
func (c cut) end(w http.ResponseWriter) {
	if c == cutReset {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
				tcp.SetLinger(0) // closing then resets (RFC 9293, section 3.5.3)
			}
			conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// hidden is something that lists do not show yet.
type hidden struct {
	owner okta.Owner
	id    string
}

// hide leaves what is being made out of lists for a while.
func (s *Server) hide(owner okta.Owner, id string, during time.Duration) {
	if during <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hidden == nil {
		s.hidden = map[hidden]int{}
	}
	it := hidden{owner, id}
	s.hidden[it]++
	s.opt.After(during, func() { s.show(it) })
}

// show ends one hiding.
func (s *Server) show(it hidden) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hidden[it]--; s.hidden[it] <= 0 {
		delete(s.hidden, it)
	}
}

// listed are the documents of an owner, known by the member name, that lists
// show.
func (s *Server) listed(owner okta.Owner, docs []okta.Object, name string) []okta.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	for it := range s.hidden {
		if it.owner == owner {
			docs = without(docs, name, it.id)
		}
	}
	return docs
}
