//go:build contract

package conformance

// Only the document in the SDK's module is read, none of its code, and Go has
// no way to require a module for a file. This import keeps the module in
// go.mod and its checksum in go.sum through "go mod tidy", which looks at files
// of every build tag; since nothing sets the tag, nothing compiles the SDK.
import _ "github.com/okta/okta-sdk-golang/v6/okta"
