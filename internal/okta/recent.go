package okta

import (
	"bytes"
	"sync"
)

// What is kept of answers: as many as a loop has in its hands at a time, and
// none that is larger than owners and lists of keys are.
const (
	maxRecent     = 64
	maxRecentText = 1 << 20 // bytes
)

// recent keeps what was decoded last. A rotation reads its owners and their
// keys several times over: when it is planned, before and after each write.
// Mostly the answer is the one before, and decoding it is most of the work.
type recent struct {
	mu   sync.Mutex
	kept []decoded // the newest last
}

type decoded struct {
	path  string
	text  []byte
	value any // a func() (T, error), of one T for a path; what it returns is never changed
}

// recently is decode of the answer to a request for path.
func recently[T any](r *recent, path string, text []byte, decode func([]byte) (T, error)) (T, error) {
	value, ok := r.find(path, text).(func() (T, error))
	if !ok {
		value = keep(r, path, text, decode)
	}
	return value()
}

// ahead decodes what is likely to be the next answer to a request for path,
// while that is on its way.
func ahead[T any](r *recent, path string, text []byte, decode func([]byte) (T, error)) {
	go keep(r, path, text, decode)()
}

// keep keeps an answer that is decoded once, when it is first asked for.
func keep[T any](r *recent, path string, text []byte, decode func([]byte) (T, error)) func() (T, error) {
	value := sync.OnceValues(func() (T, error) { return decode(text) })
	if len(text) <= maxRecentText {
		r.keep(decoded{path, text, value})
	}
	return value
}

// find returns nil if another answer, or none, is kept.
func (r *recent) find(path string, text []byte) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.kept {
		if d.path == path && bytes.Equal(d.text, text) {
			return d.value
		}
	}
	return nil
}

// keep puts an answer in the place of what was kept of the path, or of the
// oldest.
func (r *recent) keep(d decoded) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := 0
	for out < len(r.kept) && r.kept[out].path != d.path {
		out++
	}
	switch {
	case out < len(r.kept):
		r.kept = append(r.kept[:out], r.kept[out+1:]...)
	case len(r.kept) == maxRecent:
		r.kept = append(r.kept[:0], r.kept[1:]...)
	}
	r.kept = append(r.kept, d)
}
