package pki_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"example.com/rekey/internal/pki"
)

// A key of Okta's is certified by the sample CA and entered in the ledger.
func Example() {
	now := time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)
	dir, err := os.MkdirTemp("", "rekey-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	// What Okta does: it keeps the key and hands out the request.
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	csr, err := pki.NewCSR(key, pkix.Name{CommonName: "app.saml.example.com"}, []string{"sso.example.com"})
	if err != nil {
		log.Fatal(err)
	}

	sample, err := pki.SampleCA(filepath.Join(dir, "ca"), now)
	if err != nil {
		log.Fatal(err)
	}
	certificate, _ := os.ReadFile(sample.CertificatePath)
	caKey, _ := os.ReadFile(sample.KeyPath)
	issuer, err := pki.LoadIssuer(certificate, caKey, []byte(sample.Passphrase))
	if err != nil {
		log.Fatal(err)
	}
	issued, err := issuer.Issue(pki.Request{CSR: csr, Days: 730, DNSNames: []string{"sso.example.com"}, Now: now})
	if err != nil {
		log.Fatal(err)
	}
	ledger, err := pki.OpenLedger(filepath.Join(dir, "ca", "ledger.jsonl"))
	if err != nil {
		log.Fatal(err)
	}
	err = ledger.Append(pki.Entry{
		Run: "r1", Step: "cert", Time: now,
		Serial: issued.Serial, SHA256: issued.SHA256, Certificate: pki.CertificatePEM(issued.DER),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(issued.NotBefore, "to", issued.NotAfter)

	_, err = issuer.Issue(pki.Request{CSR: csr, Days: 90, DNSNames: []string{"sso.example.com"}, Now: now})
	fmt.Println(err)
	// Output:
	// 2026-03-14 14:55:00 +0000 UTC to 2028-03-13 15:00:00 +0000 UTC
	// days is 90; Okta publishes only certificates valid for 90 days or more, so give 91 at least
}
