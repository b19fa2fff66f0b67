//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Enabled tells whether this program was built with the tag failpoints.
const Enabled = true

// Variable is the name of the setting; see the package.
const Variable = "REKEY_FAILPOINT"

// Hit says that the program has come to the site of that name: lower-case words joined by dots, of which the last is
// before or after.
func Hit(name string) { theSites().hit(name) }

// theSites are those of this process.
var theSites = sync.OnceValue(func() *sites {
	s, err := parse(os.Getenv(Variable))
	if err != nil {
		panic(fmt.Sprintf("%s: %v", Variable, err)) // a test that kills nothing must not pass
	}
	s.die = die
	return s
})

// sites counts the hits of a process.
type sites struct {
	mu   sync.Mutex
	hits int
	log  *os.File // nil: none
	kill int      // the hit to die at; 0: none
	die  func()
}

func parse(setting string) (*sites, error) {
	s := &sites{}
	if setting == "" {
		return s, nil
	}
	for part := range strings.SplitSeq(setting, ",") {
		var err error
		switch name, value, _ := strings.Cut(part, "="); name {
		case "log":
			s.log, err = os.OpenFile(value, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		case "kill":
			if s.kill, err = strconv.Atoi(value); err == nil && s.kill < 1 {
				err = fmt.Errorf("kill=%s: hits count from 1", value)
			}
		default:
			err = fmt.Errorf("%q is neither log=FILE nor kill=N", part)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// hit keeps the lock while it kills: no other hit passes in the moment that the signal takes.
func (s *sites) hit(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits++
	if s.log != nil {
		if _, err := s.log.WriteString(name + "\n"); err != nil {
			panic(fmt.Sprintf("%s: %v", Variable, err))
		}
	}
	if s.hits == s.kill {
		s.die()
	}
}

// die ends this process as kill -9 does: nothing deferred runs, nothing buffered is written.
func die() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		self.Kill()
	}
	select {}
}
