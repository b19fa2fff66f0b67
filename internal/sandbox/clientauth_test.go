package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
)

// TestClientSignsIn lets the ordinary client sign in, sign in again after its
// token was revoked or has expired, and go on after a nonce went stale.
func TestClientSignsIn(t *testing.T) {
	const token, keys, generate = "POST token ", "GET keys ", "POST generate?validityYears=2 "
	for dpop, want := range map[bool][]string{
		false: {
			token + "200", keys + "200", generate + "201",
			keys + "401", token + "200", keys + "200", // revoked
			generate + "201",
			token + "200", keys + "200", // expired
			keys + "403",
		},
		true: {
			token + "400", token + "200", keys + "200", generate + "201", // the first nonce
			keys + "401", token + "200", keys + "200", // revoked
			generate + "401", generate + "201", // a stale nonce
			token + "400", token + "200", keys + "401", keys + "200", // expired, and the nonces with it
			keys + "403",
		},
	} {
		t.Run(fmt.Sprintf("dpop %v", dpop), func(t *testing.T) {
			log := &lockedText{}
			c := newAppClient(t, ServiceApp{DPoP: dpop}, func(o *Options) { o.Log = log })
			text, err := pairPEM(pairOf(t, 1))
			if err != nil {
				t.Fatal(err)
			}
			key, err := okta.ParseSigningKey([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			client, err := okta.New(okta.Config{
				OrgURL: c.base, Now: c.now, Sleep: func(context.Context, time.Duration) error { return nil },
				OAuth: &okta.OAuth{ClientID: testClient, Key: key, KeyID: "k1", Scopes: []string{"okta.apps.read", "okta.apps.manage"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			list := func() {
				t.Helper()
				if _, _, err := client.Keys(ctx, testApp); err != nil {
					t.Fatal(err)
				}
			}
			list()
			if _, err := client.GenerateKey(ctx, testApp, 2); err != nil {
				t.Fatal(err)
			}
			c.want(200, "DELETE", "/_sandbox/tokens", nil)
			list()
			c.want(204, "DELETE", "/_sandbox/nonces", nil)
			if _, err := client.GenerateKey(ctx, testApp, 2); err != nil {
				t.Fatal(err)
			}
			c.pass(61 * time.Minute)
			list()
			_, _, err = client.Keys(ctx, testIdP)
			if e := (*okta.Error)(nil); !errors.As(err, &e) || e.Status != 403 {
				t.Errorf("without a scope: %v", err)
			}
			var got []string
			for line := range strings.Lines(log.String()) {
				var entry struct {
					Method, Path string
					Status       int
				}
				if err := json.Unmarshal([]byte(line), &entry); err != nil {
					t.Fatal(err)
				}
				last := entry.Path[strings.LastIndexByte(entry.Path, '/')+1:]
				got = append(got, fmt.Sprintf("%s %s %d", entry.Method, last, entry.Status))
			}
			if !slices.Equal(got, want) {
				t.Errorf("sent\n%s", strings.Join(got, "\n"))
			}
		})
	}
}
