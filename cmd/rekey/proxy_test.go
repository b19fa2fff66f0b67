package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// proxy passes requests on to the sandbox, and does to them what the proxies of
// some networks do.
type proxy struct {
	to      string
	ownName bool   // the sandbox is asked under its own name, not under the proxy's
	undated bool   // answers lose their date
	method  string // of what is sent twice
	glob    string // of its path
	most    int    // that many requests; 0: all

	mu    sync.Mutex
	twice int
}

// proxy [host] [nodate] [twice METHOD GLOB [N]]: has the script's programs reach
// the sandbox through a proxy. With host it asks the sandbox under the sandbox's
// own name; with nodate it drops the answers' Date; with twice it sends
// requests, or the first N, twice and passes on what the second is answered.
func cmdProxy(ts *testscript.TestScript, _ bool, args []string) {
	p := &proxy{to: ts.Getenv("OKTA_CLIENT_ORGURL")}
	p.ownName, p.undated = slices.Contains(args, "host"), slices.Contains(args, "nodate")
	if at := slices.Index(args, "twice"); at >= 0 {
		p.method, p.glob = args[at+1], args[at+2]
		if len(args) > at+3 {
			var err error
			p.most, err = strconv.Atoi(args[at+3])
			ts.Check(err)
		}
	}
	server := httptest.NewServer(p)
	ts.Defer(server.Close)
	ts.Setenv("OKTA_CLIENT_ORGURL", server.URL)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if p.repeats(r) {
		if first, err := p.send(r, body); err == nil {
			io.Copy(io.Discard, first.Body)
			first.Body.Close()
		}
	}
	answer, err := p.send(r, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if p.undated {
		w.Header()["Date"] = nil
	}
	w.WriteHeader(answer.StatusCode)
	io.Copy(w, answer.Body)
}

// repeats reports whether a request is to be sent twice.
func (p *proxy) repeats(r *http.Request) bool {
	if ok, _ := path.Match(p.glob, r.URL.Path); !ok || r.Method != p.method {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.twice++
	return p.most == 0 || p.twice <= p.most
}

func (p *proxy) send(r *http.Request, body []byte) (*http.Response, error) {
	again, err := http.NewRequestWithContext(r.Context(), r.Method, p.to+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	again.Header = r.Header.Clone()
	if again.Host = r.Host; p.ownName {
		again.Host = strings.TrimPrefix(p.to, "http://")
	}
	return http.DefaultTransport.RoundTrip(again)
}
