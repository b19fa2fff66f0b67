package conformance

import (
	"context"
	"strings"

	"example.com/rekey/internal/okta"
	"example.com/rekey/steps"
)

// queries has the step types that only read send what they send: for both
// kinds of owner, with and without what Okta selects by.
func queries(b *bench) {
	catalogue := steps.Catalogue(&steps.Env{Okta: b.client})
	read := func(step string, fill func(any)) {
		b.Helper()
		s := catalogue.Type(step).New()
		fill(s)
		if err := s.(interface{ Read(context.Context) error }).Read(b.Context()); err != nil {
			b.Errorf("%s: %v", step, err)
		}
	}
	for _, k := range kinds(b) {
		object, _ := b.org.Object(k.owner)
		kid := object.Text(okta.SigningPointer(k.owner.Kind))
		owner := steps.Owner{App: k.owner.ID}
		if k.owner.Kind == okta.IdP {
			owner = steps.Owner{IdP: k.owner.ID}
		}
		read("get_active_key", func(s any) { s.(*steps.GetActiveKey).Owner = owner })
		for _, asked := range []string{"", kid} {
			read("get_saml_metadata", func(s any) {
				s.(*steps.GetSAMLMetadata).Owner, s.(*steps.GetSAMLMetadata).Asked = owner, asked
			})
		}
		for _, kid := range []string{"*", kid, `a "b" & c`} {
			for _, name := range []string{"*", object.Text("/name"), "no*"} {
				read("list_apps", func(s any) {
					l := s.(*steps.ListApps)
					l.Label, l.Name, l.Kid, l.Mode = "*", name, kid, "SAML_2_0"
				})
				read("list_apps", func(s any) {
					l := s.(*steps.ListApps)
					l.Label, l.Name, l.Kid, l.Status = "*", name, kid, "ACTIVE"
				})
				for _, of := range []string{"*", "SAML2", "SAML*"} {
					read("list_idps", func(s any) {
						l := s.(*steps.ListIdPs)
						l.Name, l.Kid, l.Type = name, kid, of
					})
				}
			}
		}
	}
}

// queryLongLists follows the pages of lists that are longer than a page can be.
func queryLongLists(b *bench) {
	if err := b.org.AddApps(401); err != nil {
		b.Fatal(err)
	}
	s := steps.Catalogue(&steps.Env{Okta: b.client}).Type("list_apps").New().(*steps.ListApps)
	s.Label, s.Name, s.Kid = "Fleet app *", "*", "*"
	if err := s.Read(b.Context()); err != nil || len(s.Apps) != 401 {
		b.Fatalf("%d apps, %v", len(s.Apps), err)
	}
	if !strings.HasPrefix(s.Apps[0].Label, "Fleet app ") {
		b.Errorf("the first is %q", s.Apps[0].Label)
	}
}
