package sandbox

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"example.com/rekey/internal/okta"
)

// TestGenerateKey checks a generated key in every member, for both owners.
func TestGenerateKey(t *testing.T) {
	for owner, status := range map[okta.Owner]int{testApp: 201, testIdP: 200} {
		t.Run(string(owner.Kind), func(t *testing.T) {
			c := serve(t, New(testOrg(t), testOptions()))
			before := len(c.want(200, "GET", owner.Path()+"/credentials/keys", nil).keys(t))
			r := c.want(status, "POST", owner.Path()+"/credentials/keys/generate?validityYears=3", nil)
			k := r.key(t)
			der, err := k.Certificate()
			if err != nil {
				t.Fatal(err)
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(der)
			n, _ := base64.RawURLEncoding.DecodeString(k.N)
			public := cert.PublicKey.(interface{ Size() int })
			switch {
			case k.Kty != "RSA" || k.Use != "sig" || k.E != "AQAB" || k.Kid == "":
				t.Errorf("kty, use, e or kid: %s", r.body)
			case k.X5tS256 != base64.RawURLEncoding.EncodeToString(sum[:]):
				t.Errorf("x5t#S256 is not the certificate's: %s", k.X5tS256)
			case len(k.X5c) != 1 || strings.ContainsAny(k.X5c[0], " \n-_"):
				t.Errorf("x5c is no single line of standard base64: %q", k.X5c)
			case k.Created != "2026-03-14T15:09:26.535Z" || k.LastUpdated != k.Created:
				t.Errorf("created %s, lastUpdated %s", k.Created, k.LastUpdated)
			case k.ExpiresAt != "2029-03-14T15:09:26.000Z" || !cert.NotAfter.Equal(time.Date(2029, 3, 14, 15, 9, 26, 0, time.UTC)):
				t.Errorf("expires %s, certificate %s", k.ExpiresAt, cert.NotAfter)
			case !cert.NotBefore.Equal(time.Date(2026, 3, 14, 15, 8, 26, 0, time.UTC)):
				t.Errorf("notBefore %s is not a minute before", cert.NotBefore)
			case public.Size() != 256 || new(big.Int).SetBytes(n).BitLen() != 2048:
				t.Errorf("the key has not 2048 bits")
			case !strings.Contains(cert.Subject.String(), "OU=SSOProvider,O=Okta,L=San Francisco,ST=California,C=US"):
				t.Errorf("subject %s", cert.Subject)
			}
			if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
				t.Error(err)
			}
			got := c.want(200, "GET", owner.Path()+"/credentials/keys/"+k.Kid, nil)
			if !bytes.Equal(got.body, r.body) {
				t.Errorf("GET of the key: %s, want %s", got.body, r.body)
			}
			if after := len(c.want(200, "GET", owner.Path()+"/credentials/keys", nil).keys(t)); after != before+1 {
				t.Errorf("%d keys, want %d", after, before+1)
			}
			if active := c.want(200, "GET", owner.Path(), nil).object(t).Text(okta.SigningPointer(owner.Kind)); active == k.Kid {
				t.Error("generating a key made it the active one")
			}
		})
	}
}

// TestValidityYears holds the bounds for both owners; the missing parameter
// has a code of its own.
func TestValidityYears(t *testing.T) {
	c := serve(t, New(testOrg(t), testOptions()))
	for _, owner := range []okta.Owner{testApp, testIdP} {
		path := owner.Path() + "/credentials/keys/generate"
		before := c.want(200, "GET", owner.Path()+"/credentials/keys", nil).body
		c.do("POST", path, nil).refused(t, 400, "E0000028", "validityYears")
		for _, bad := range []string{"1", "11", "0", "-2", "", "two", "2.5", "99999999999999999999"} {
			c.do("POST", path+"?validityYears="+bad, nil).refused(t, 400, "E0000001", "from 2 to 10")
		}
		if !bytes.Equal(before, c.want(200, "GET", owner.Path()+"/credentials/keys", nil).body) {
			t.Error("a refused request made a key")
		}
		for _, good := range []string{"2", "10"} {
			if r := c.do("POST", path+"?validityYears="+good, nil); r.status >= 300 {
				t.Errorf("validityYears=%s: %s", good, r.body)
			}
		}
	}
}

// TestClone clones a key for both owners; the second time it is refused.
func TestClone(t *testing.T) {
	for _, tt := range []struct {
		from, to okta.Owner
		name     string
	}{{testApp, testTarget, "targetAid"}, {testIdP, otherIdP, "targetIdpId"}} {
		c := serve(t, New(testOrg(t), testOptions()))
		kid := c.want(200, "GET", tt.from.Path()+"/credentials/keys", nil).keys(t)[1].Kid
		path := tt.from.Path() + "/credentials/keys/" + kid + "/clone"
		object := c.want(200, "GET", tt.to.Path(), nil).body
		c.do("POST", path, nil).refused(t, 400, "E0000028", tt.name)
		c.do("POST", path+"?"+tt.name+"=0oaNobody", nil).refused(t, 404, "E0000007", "0oaNobody")
		c.do("POST", tt.from.Path()+"/credentials/keys/nokid/clone?"+tt.name+"="+tt.to.ID, nil).refused(t, 404, "E0000007", "nokid")
		c.do("POST", path+"?"+tt.name+"="+tt.from.ID, nil).refused(t, 400, "E0000001", kid)
		clone := c.want(201, "POST", path+"?"+tt.name+"="+tt.to.ID, nil).key(t)
		source := c.want(200, "GET", tt.from.Path()+"/credentials/keys/"+kid, nil).key(t)
		if clone.Kid != kid || clone.X5c[0] != source.X5c[0] || clone.N != source.N || clone.Created == source.Created {
			t.Errorf("the clone %+v of %+v", clone, source)
		}
		c.do("POST", path+"?"+tt.name+"="+tt.to.ID, nil).refused(t, 400, "E0000001", kid)
		c.want(200, "GET", tt.to.Path()+"/credentials/keys/"+kid, nil)
		if !bytes.Equal(object, c.want(200, "GET", tt.to.Path(), nil).body) {
			t.Error("cloning changed the target's object")
		}
	}
}

// TestKeySources: the pool's neighbours differ and come round; real keys are
// new ones.
func TestKeySources(t *testing.T) {
	var pool Pool
	seen := map[string]int{}
	for range 2 * PoolSize {
		pair, err := pool.Key()
		if err != nil {
			t.Fatal(err)
		}
		if pair.N.BitLen() != keyBits {
			t.Errorf("a pair of %d bits", pair.N.BitLen())
		}
		seen[thumbprint(&pair.PublicKey)]++
	}
	if len(seen) != PoolSize {
		t.Errorf("%d different pairs, want %d", len(seen), PoolSize)
	}
	pair, err := RealKeys{}.Key()
	if err != nil || seen[thumbprint(&pair.PublicKey)] > 0 || pair.N.BitLen() != keyBits {
		t.Error(err, pair.N.BitLen())
	}
	for n := 1; n <= orgPairs; n++ {
		if pair, err := embeddedPair("org", n); err != nil || seen[thumbprint(&pair.PublicKey)] > 0 {
			t.Errorf("org pair %d: %v", n, err)
		}
	}
}
