package conformance

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"example.com/rekey/internal/okta"
)

func refuseKeys(b *bench) {
	for _, k := range kinds(b) {
		path := k.owner.Path() + "/credentials/keys/"
		for _, query := range []string{"", "?validityYears=", "?validityYears=1", "?validityYears=11", "?validityYears=two"} {
			b.do(400, post, path+"generate"+query, "")
		}
		kid, _ := b.org.InactiveKey(k.owner, now)
		if _, err := b.client.CloneKey(b.Context(), k.owner, kid, k.target.ID); err != nil {
			b.Fatal(err)
		}
		clone := path + url.PathEscape(kid) + "/clone"
		b.do(400, post, clone+"?"+k.clone+"="+k.target.ID, "") // a second time
		b.do(400, post, clone, "")
		b.do(404, post, clone+"?"+k.clone+"=0oaNobody", "")
		b.do(404, post, path+"noSuchKey/clone?"+k.clone+"="+k.target.ID, "")
	}
}

func refuseCSRs(b *bench) {
	for _, k := range kinds(b) {
		path := k.owner.Path() + "/credentials/csrs"
		for _, body := range []string{`{"subject":`, `[]`, `{"subject": 7}`, `{"subjectAltNames": {"dnsNames": "one"}}`} {
			b.do(400, post, path, body)
		}
		b.do(400, post, path, `{}`, "Content-Type", "text/plain")
		b.do(400, post, path, `{}`, "Content-Type", "")
		b.do(400, post, path, "")
	}
}

func refuseCertificates(b *bench) {
	for _, k := range kinds(b) {
		csr := must(b.client.GenerateCSR(b.Context(), k.owner, okta.CSRRequest{}))(b)
		other := must(b.client.GenerateCSR(b.Context(), k.owner, okta.CSRRequest{}))(b)
		path := k.owner.Path() + "/credentials/csrs/" + url.PathEscape(csr.ID) + "/lifecycle/publish"
		publish := func(status int, cert okta.CertificateBody) {
			b.Helper()
			b.do(status, post, path, string(cert.Body), "Content-Type", cert.ContentType, "Content-Transfer-Encoding", cert.TransferEncoding)
		}
		for _, form := range forms(b.certify(other, 365*day)) {
			publish(400, form) // another key
		}
		for _, form := range forms(b.certify(csr, 90*day-1e9)) {
			publish(400, form) // too short
		}
		good := b.certify(csr, 365*day)
		publish(400, okta.CertificateBody{ContentType: okta.TypeDER, Body: []byte("no certificate")})
		publish(400, okta.CertificateBody{ContentType: okta.TypeDER, Body: []byte(base64.StdEncoding.EncodeToString(good))})
		publish(400, okta.CertificateBody{ContentType: okta.TypeCER, TransferEncoding: "quoted-printable", Body: good})
		publish(400, okta.CertificateBody{ContentType: okta.TypePEM, Body: good})
		publish(400, okta.CertificateBody{ContentType: "application/json", Body: []byte(`{"x5c":[]}`)})
		publish(400, okta.CertificateBody{Body: good})
		publish(201, forms(good)[0])
		publish(404, forms(good)[0]) // the CSR is consumed
	}
}

func refuseReplacements(b *bench) {
	for _, k := range kinds(b) {
		path := k.owner.Path()
		object := must(b.client.Object(b.Context(), k.owner))(b)
		refuse := func(status int, body string, headers ...string) {
			b.Helper()
			b.do(status, put, path, body, headers...)
		}
		for _, name := range k.required {
			refuse(400, string(object.Without("/"+name).Encode()))
			refuse(400, string(object.With("/"+name, nil).Encode()))
		}
		refuse(400, string(object.With(okta.SigningPointer(k.owner.Kind), "noSuchKey").Encode()))
		refuse(400, string(object.With(okta.SigningPointer(k.owner.Kind), 7).Encode()))
		refuse(400, string(object.With("/signOnMode", "BOOKMARK").With("/type", "OIDC").Encode()))
		refuse(400, `{"label": "cut`)
		refuse(400, `[]`)
		refuse(400, "")
		refuse(400, string(object.Encode()), "Content-Type", "text/plain")

		// Refusals of bodies that the contract takes no offence at.
		change := okta.Change{Pointer: okta.SigningPointer(k.owner.Kind), To: "noSuchKey"}
		if err := b.client.Replace(b.Context(), k.owner, object.With(change.Pointer, change.To), change); err == nil {
			b.Error("a kid that the owner does not have was taken")
		}
	}
}

func refuseLists(b *bench) {
	for _, query := range []string{"limit=0", "limit=201", "limit=many", "after=%21"} {
		b.do(400, get, apps+"?"+query, "")
		b.do(400, get, idps+"?"+query, "")
	}
	for _, filter := range []string{"label eq \"x\"", "id gt \"x\"", "id eq x"} {
		b.do(400, get, apps+"?filter="+url.QueryEscape(filter), "")
	}
}

func refuseMetadata(b *bench) {
	for _, o := range b.org.Owners() {
		object, _ := b.org.Object(o)
		switch {
		case object.Text("/signOnMode") == "OPENID_CONNECT":
			b.do(404, get, o.Path()+"/sso/saml/metadata?kid=any", "")
		case object.Text("/type") == "OIDC":
			if _, err := b.client.Metadata(b.Context(), o, ""); err == nil {
				b.Error("an IdP without SAML has metadata")
			}
			b.do(404, get, o.Path()+"/metadata.xml", "")
		}
	}
	path := kinds(b)[0].owner.Path() + "/sso/saml/metadata"
	b.do(400, get, path, "")
	b.do(400, get, path+"?kid=", "")
	b.do(404, get, path+"?kid=noSuchKey", "")
}

// eachOperation goes through the operations with a path for an owner that
// there is, a good body and the query that it needs.
func (b *bench) eachOperation(do func(op operation, k kind, path, body string, headers ...string)) {
	b.Helper()
	all := kinds(b)
	for _, op := range operations {
		k := all[1]
		if op.ofApp() {
			k = all[0]
		}
		kid, _ := b.org.InactiveKey(k.owner, now)
		path, body, headers := op.fill(k.owner.ID, kid), "", []string(nil)
		switch last := path[strings.LastIndexByte(path, '/')+1:]; {
		case last == "generate":
			path += "?validityYears=2"
		case last == "clone":
			path += "?" + k.clone + "=" + k.target.ID
		case last == "metadata":
			path += "?kid=" + url.QueryEscape(kid)
		case last == "publish":
			body, headers = "a certificate", []string{"Content-Type", okta.TypeDER}
		case op.method == put:
			object, _ := b.org.Object(k.owner)
			body = string(object.Encode())
		case op.method == post:
			body = "{}"
		}
		do(op, k, path, body, headers...)
	}
}

// refuseUnknown asks for owners, keys and CSRs that are not there.
func refuseUnknown(b *bench) {
	b.eachOperation(func(op operation, k kind, path, body string, headers ...string) {
		if !op.ofOwner() {
			return
		}
		b.do(404, op.method, strings.Replace(path, k.owner.ID, "0oaNobody", 1), body, headers...)
		kid, _ := b.org.InactiveKey(k.owner, now)
		if strings.Contains(path, "/"+kid) {
			b.do(404, op.method, strings.Replace(path, "/"+kid, "/noSuchOne", 1), body, headers...)
		}
	})
}

// refuseAccept wants answers in a form that Okta does not give.
func refuseAccept(b *bench) {
	b.eachOperation(func(op operation, k kind, path, body string, headers ...string) {
		if strings.Contains(op.path, "csrs/") && op.method != get || op.method == del {
			return // publishing comes below; to a DELETE all forms are the same
		}
		if strings.Contains(op.path, "csrs/") {
			csr := must(b.client.GenerateCSR(b.Context(), k.owner, okta.CSRRequest{}))(b)
			path = op.fill(k.owner.ID, csr.ID)
		}
		b.do(400, op.method, path, body, append(headers, "Accept", "image/png")...)
	})
	for _, k := range kinds(b) {
		csr := must(b.client.GenerateCSR(b.Context(), k.owner, okta.CSRRequest{}))(b)
		path := k.owner.Path() + "/credentials/csrs/" + url.PathEscape(csr.ID) + "/lifecycle/publish"
		b.do(400, post, path, string(b.certify(csr, 365*day)), "Content-Type", okta.TypeDER, "Accept", "image/png")
	}
}

func refuseTokens(b *bench) {
	for _, authorization := range []string{"", "SSWS wrong", "SSWS", "Bearer " + token} {
		b.eachOperation(func(op operation, _ kind, path, body string, headers ...string) {
			b.do(401, op.method, path, body, append(headers, "Authorization", authorization)...)
		})
	}
}

func refuseMethods(b *bench) {
	allowed := map[string][]string{}
	b.eachOperation(func(op operation, _ kind, path, _ string, _ ...string) {
		path, _, _ = strings.Cut(path, "?")
		allowed[path] = append(allowed[path], op.method)
	})
	for path, methods := range allowed {
		for _, method := range []string{get, put, post, del, http.MethodPatch} {
			if slices.Contains(methods, method) || method == get && strings.HasSuffix(path, "/generate") {
				continue // "generate" might be the id of a key
			}
			b.do(405, method, path, "")
		}
	}
	for _, path := range []string{"/", "/api/v1/users", "/api/v1/appsy", apps + "/a/b", idps + "/credentials/keys/a/b/c"} {
		b.do(404, get, path, "")
	}
	b.do(404, get, kinds(b)[0].owner.Path()+"/credentials/keys/active", "") // IdPs have that
}

// failEverything lets each operation fail in each way in which Okta may fail,
// before and after its effect.
func failEverything(b *bench) {
	for _, status := range []int{403, 429, 500, 503} {
		for _, when := range []string{"before", "after"} {
			broken := newBench(b.T, b.judge, setup{faults: []string{fmt.Sprintf("* /api/v1/*=%d:%s", status, when)}})
			broken.eachOperation(func(op operation, k kind, path, body string, headers ...string) {
				broken.do(status, op.method, path, body, headers...)
			})
		}
	}
	// Our client's requests again, one by one, after a 429.
	busy := newBench(b.T, b.judge, setup{faults: []string{"POST */credentials/keys/generate*@1=429:before", "GET *@1=429:before"}})
	for _, k := range kinds(busy) {
		must(busy.client.GenerateKey(b.Context(), k.owner, 2))(busy)
		must(busy.client.Object(b.Context(), k.owner))(busy)
	}
}

// refuseAccessTokens calls each operation without an access token, with one
// that nobody gave out, and with one that does not do: it lacks the scope, or
// comes without the proof that belongs to it.
func refuseAccessTokens(b *bench) {
	for _, authorization := range []string{"", b.signIn.scheme() + " nobodys"} {
		b.eachOperation(func(op operation, _ kind, path, body string, headers ...string) {
			b.do(401, op.method, path, body, append(headers, "Authorization", authorization)...)
		})
	}
	status := map[signIn]int{oauth: 403, dpop: 400}[b.signIn]
	for of, scope := range map[okta.Kind]string{okta.App: okta.ScopeIdPsManage, okta.IdP: okta.ScopeAppsManage} {
		from := newSender("", b.signIn)
		config := okta.Config{OrgURL: b.base, HTTP: b.judge.watch(http.DefaultTransport, from), Now: b.now}
		b.signIn.configure(b, &config)
		config.OAuth.Scopes = []string{scope}
		if err := must(okta.New(config))(b).SignIn(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.eachOperation(func(op operation, _ kind, path, body string, headers ...string) {
			if op.ofApp() == (of == okta.App) {
				b.do(status, op.method, path, body, append(headers, "Authorization", b.signIn.scheme()+" "+from.token)...)
			}
		})
	}
}
