package main

import (
	"errors"
	"strings"
	"testing"
)

// What the system tells of the state folder, and what doctor makes of it.
func TestRoomOfTheStateFolder(t *testing.T) {
	for _, test := range []struct {
		name   string
		found  folder
		open   bool
		status string
		says   string
	}{
		{"full", folder{known: true}, false, checkFail, "/s is on a disk with 0 KB free, and a run needs 2 MB at least"},
		{"nearly full", folder{known: true, free: leastRoom - 1}, false, checkFail, "with 2047 KB free"},
		{"short", folder{known: true, free: leastRoom}, false, checkWarn, "/s can be used, with 2 MB free"},
		{"enough", folder{known: true, free: scarce}, false, checkOK, "100 MB free"},
		{"unknown", folder{}, false, checkOK, "/s can be used"},
		{"open", folder{known: true, free: scarce}, true, checkWarn, "looked into by others"},
		{"full and open", folder{known: true}, true, checkFail, "0 KB free"},
		{"read-only", folder{readOnly: errors.New("read-only file system")}, false, checkFail, "cannot be written to: read-only file system"},
	} {
		e := &examination{}
		e.room("/s", "/s", test.found, test.open)
		c := e.checks[0]
		if c.Status != test.status || !strings.Contains(c.Text, test.says) || (c.Status != checkOK && c.Cure == "") {
			t.Errorf("%s: %+v", test.name, c)
		}
		if want := map[string]int{checkFail: exitFailed}[test.status]; e.code() != want {
			t.Errorf("%s: exit code %d, want %d", test.name, e.code(), want)
		}
	}
}
