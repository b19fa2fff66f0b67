package sandbox_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"time"

	"example.com/rekey/internal/okta"
	"example.com/rekey/internal/sandbox"
)

func ExampleNew() {
	now := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	org, err := sandbox.DefaultOrg(now)
	if err != nil {
		log.Fatal(err)
	}
	fail, err := sandbox.ParseFault("GET */keys@2=503")
	if err != nil {
		log.Fatal(err)
	}
	server := sandbox.New(org, sandbox.Options{Now: func() time.Time { return now }, Faults: []sandbox.Fault{fail}})
	client := &http.Client{Transport: sandbox.Transport(server)}
	for range 2 {
		resp, err := client.Get("http://sandbox/api/v1/apps/0oa8ae1t5yev2ajDs0h7/credentials/keys")
		if err != nil {
			log.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			fmt.Println(resp.Status)
			continue
		}
		var keys []okta.Key
		if err := json.NewDecoder(resp.Body).Decode(&keys); err != nil {
			log.Fatal(err)
		}
		for _, key := range keys {
			fmt.Println(key.Kty, "until", key.ExpiresAt)
		}
	}
	// Output:
	// RSA until 2026-04-13T00:00:00.000Z
	// RSA until 2028-03-01T00:00:00.000Z
	// 503 Service Unavailable
}
