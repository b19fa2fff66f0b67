package sandbox

import (
	"encoding/json"
	"testing"
	"time"
)

// TestClock: it is put ahead, and not back; with it go dates, tokens and the
// windows of the rate limits.
func TestClock(t *testing.T) {
	c := newAppClient(t, ServiceApp{TokenLifetime: time.Hour})
	token := c.token(allScopes)
	const path = "/_sandbox/clock"
	told := func(r result) (now time.Time, ahead string) {
		t.Helper()
		var body struct {
			Now   time.Time
			Ahead string
		}
		if err := json.Unmarshal(r.body, &body); err != nil {
			t.Fatal(err)
		}
		return body.Now, body.Ahead
	}
	if now, ahead := told(c.want(200, "GET", path, nil)); !now.Equal(testNow) || ahead != "0s" {
		t.Errorf("at first it is %s, %s ahead", now, ahead)
	}
	for range 2 { // from where it stands by itself, not from where it was put
		r := c.want(200, "PUT", path+"?ahead=1h0m1s", nil)
		if now, ahead := told(r); !now.Equal(testNow.Add(time.Hour+time.Second)) || ahead != "1h0m1s" {
			t.Errorf("it is %s, %s ahead", now, ahead)
		}
		if got := r.header.Get("Date"); got != "Sat, 14 Mar 2026 16:09:27 GMT" {
			t.Errorf("an answer is of %s", got)
		}
	}
	c.call("GET", testApp.Path(), token).challenged(t, 401, "E0000011", "invalid_token", "expired at 2026-03-14T16:09:26Z")
	for _, bad := range []string{"", "?ahead=1h", "?ahead=-2h", "?ahead=2", "?ahead=200000h"} {
		c.do("PUT", path+bad, nil).refused(t, 400, "E0000001", "not less than the one before")
	}
	c.do("POST", path, nil).refused(t, 405, "E0000022", "GET, PUT")
}
