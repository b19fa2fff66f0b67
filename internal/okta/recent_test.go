package okta

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// An answer that is the one before is the same object; any other is read anew.
func TestRecentAnswers(t *testing.T) {
	var r recent
	read := func(path, text string) Object {
		t.Helper()
		o, err := recently(&r, path, []byte(text), DecodeObject)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := DecodeObject([]byte(text)); err != nil || !reflect.DeepEqual(o, want) {
			t.Fatalf("%s is read as %v", text, o)
		}
		return o
	}
	is := func(a, b Object) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }
	first := read("/a", `{"kid": "1"}`)
	if !is(first, read("/a", `{"kid": "1"}`)) {
		t.Error("the same answer was decoded twice")
	}
	if second := read("/a", `{"kid": "2"}`); !is(second, read("/a", `{"kid": "2"}`)) || is(first, read("/a", `{"kid": "1"}`)) {
		t.Error("not the newest answer of a path is kept")
	}
	read("/b", `{"kid": "1"}`)
	if _, err := recently(&r, "/a", []byte(`{"kid": `), DecodeObject); err == nil {
		t.Error("half an answer was read")
	}
	for i := range maxRecent {
		read(fmt.Sprint("/", i), `{}`)
	}
	if len(r.kept) != maxRecent {
		t.Errorf("%d are kept, not %d", len(r.kept), maxRecent)
	}
	if r.find("/a", []byte(`{"kid": "1"}`)) != nil {
		t.Error("the oldest is kept")
	}
	if read("/large", `{"v": "`+strings.Repeat("x", maxRecentText)+`"}`); r.kept[maxRecent-1].path == "/large" {
		t.Error("a large answer is kept")
	}
	if _, err := recently(&r, "/0", []byte(`{}`), func([]byte) ([]Key, error) { return nil, nil }); err != nil {
		t.Error(err)
	}
}

func TestRecentAnswersSideBySide(t *testing.T) {
	var r recent
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 200 {
				text := fmt.Sprintf(`{"n": %d}`, n/3)
				if o, err := recently(&r, fmt.Sprint("/", (i+n)%90), []byte(text), DecodeObject); err != nil || fmt.Sprint(o["n"]) != fmt.Sprint(n/3) {
					t.Errorf("%s is read as %v, %v", text, o, err)
				}
			}
		})
	}
	all.Wait()
}
