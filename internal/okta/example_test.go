package okta_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"example.com/rekey/internal/okta"
)

// Reading an app, changing the key that signs, and sending everything back.
func ExampleClient_Replace() {
	org := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"label":"Finance","notes":null,"credentials":{"signing":{"kid":"old"}}}`)
	}))
	defer org.Close()
	client, err := okta.New(okta.Config{
		OrgURL: org.URL, Token: "a-token",
		OnCall: func(_ context.Context, call okta.Call) error {
			if call.Write {
				fmt.Printf("%s %s\n%s\n", call.Method, call.Path, call.Body)
			}
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	app := okta.Owner{Kind: okta.App, ID: "0oa8ae1t5yev2ajDs0h7"}
	before, err := client.Object(ctx, app)
	if err != nil {
		log.Fatal(err)
	}
	after, change := before.Changed(okta.SigningPointer(app.Kind), "new")
	if err := client.Replace(ctx, app, after, change); err != nil {
		log.Fatal(err)
	}
	// Output:
	// PUT /api/v1/apps/0oa8ae1t5yev2ajDs0h7
	// {"credentials":{"signing":{"kid":"new"}},"label":"Finance","notes":null}
}

// What Okta moves by itself is no difference; a null that is gone is one.
func ExampleDifferences() {
	before, _ := okta.DecodeObject([]byte(`{"label":"x","destinationOverride":null,"lastUpdated":"2026-01-01T00:00:00.000Z"}`))
	after, _ := okta.DecodeObject([]byte(`{"label":"x","lastUpdated":"2026-01-02T00:00:00.000Z"}`))
	fmt.Println(okta.Differences(before, after))
	// Output: [/destinationOverride]
}
