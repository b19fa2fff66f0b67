package sandbox

import (
	"net/http"
	"slices"
	"time"
)

// held is a request that has taken effect and whose answer is held back.
type held struct {
	request string // method and path
	letGo   chan struct{}
}

// hold holds the answer to a request back and returns when it may leave, or
// with gone when there is nobody left to get it.
func (s *Server) hold(rq *request, during time.Duration) (gone bool) {
	if during <= 0 {
		return false
	}
	h := &held{request: rq.Method + " " + pathOf(rq.Request), letGo: make(chan struct{})}
	s.mu.Lock()
	s.held = append(s.held, h)
	s.mu.Unlock()
	this := func(it *held) bool { return it == h }
	s.opt.After(during, func() { s.letGo(this) })
	select {
	case <-h.letGo:
		return false
	case <-rq.Context().Done():
		s.letGo(this)
		return true
	}
}

// letGo lets go of those of the held requests and says which these were, the
// longest held first.
func (s *Server) letGo(those func(*held) bool) (requests []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = slices.DeleteFunc(s.held, func(h *held) bool {
		if !those(h) {
			return false
		}
		requests = append(requests, h.request)
		close(h.letGo)
		return true
	})
	return requests
}

// heldNow are the requests that are held, the longest held first.
func (s *Server) heldNow() (requests []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		requests = append(requests, h.request)
	}
	return requests
}

// answerHeld lists what is held, and lets go of it if that is asked for. Like
// the dump it needs no token.
func (s *Server) answerHeld(rq *request) answer {
	var requests []string
	switch rq.Method {
	case http.MethodGet:
		requests = s.heldNow()
	case http.MethodDelete:
		requests = s.letGo(func(*held) bool { return true })
	default:
		return s.failed(wrongMethod(http.MethodGet + ", " + http.MethodDelete))
	}
	if requests == nil {
		requests = []string{} // [] and not null
	}
	return newAnswer(http.StatusOK, jsonType, encodeJSON(requests))
}
