package conformance

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"example.com/rekey/internal/view"
)

// audit is a function in the browser that says what is wrong with the page as
// it is laid out now.
//
//go:embed page_audit.js
var audit string

// TestPages opens in Chromium each page that the tests of the command hold, and
// those of plans and a run all of whose texts are hostile. That what looks at
// them can see shows a page that is wrong in every way.
func TestPages(t *testing.T) {
	b := newBrowser(t)
	pages := goldenPages(t)
	t.Run("the judge sees", func(t *testing.T) { judgeSees(t, b) })
	dir := t.TempDir()
	for name, html := range hostilePages(t) {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, html, 0o600); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, file)
	}
	for _, file := range pages {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			v := b.visit(t, file)
			for _, finding := range v.findings {
				t.Error(finding)
			}
			if filepath.Dir(file) != dir {
				return
			}
			for _, label := range hostileLabels {
				if !strings.Contains(v.text, view.Visible(label)) {
					t.Errorf("the page does not show the label %q as a text", label)
				}
			}
		})
	}
}

// goldenPages are copies of the pages in testdata/faces, which are kept without
// the style that all have. Each page's policy holds the digest of it: the browser
// complains where another is put in.
func goldenPages(t *testing.T) (pages []string) {
	t.Helper()
	sheet := "<style>\n"
	for _, name := range []string{"page.css", "graph.css"} {
		sheet += string(read(t, filepath.Join("../view/html", name)))
	}
	golden, err := filepath.Glob("../../testdata/faces/*.html")
	if err != nil || len(golden) < 12 {
		t.Fatal(len(golden), "pages in testdata/faces", err)
	}
	dir := t.TempDir()
	for _, file := range golden {
		page := strings.Replace(string(read(t, file)), "<style>", sheet, 1)
		copied := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(copied, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, copied)
	}
	return pages
}

// judgeSees opens a page that is wrong in every way.
func judgeSees(t *testing.T, b browser) {
	found := strings.Join(b.visit(t, "testdata/bad.html").findings, "\n")
	for _, want := range []string{
		"sends a request: ", "picture.png", "the browser complains: ", "holds a <script>", "holds a <marquee>", "lets its direction turn others: <b>", "an attribute onclick",
		"at 400 pixels: 1008 wide", "at 400 pixels: texts lie on each other: \"one\" and \"two\"", "at 1400 pixels: texts lie on each other",
		"at 400 pixels: sticks out of its frame: \"far too long\"", "light: hard to read: \"pale\"", "dark: hard to read: \"dim\"", "not printed: \"kept\"",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("it does not find %q; it found\n%s", want, found)
		}
	}
}

// browser is a Chromium that reaches no host.
type browser struct{ ctx context.Context }

func newBrowser(t *testing.T) browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("chromium is missing: apt-get install chromium")
	}
	if err != nil {
		t.Skip("chromium is missing: the pages are not opened")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program), chromedp.UserDataDir(profile(t)), chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND"))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...) // it is to end by itself, before its profile goes
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Error("chromium did not end by itself: ", err)
		}
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return browser{ctx}
}

// profile is a folder for what a browser keeps. Some of its processes may write
// there for a moment after it has ended.
func profile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for until := time.Now().Add(time.Minute); os.RemoveAll(dir) != nil && time.Now().Before(until); {
			time.Sleep(50 * time.Millisecond)
		}
	})
	return dir
}

// fileURL is the address of a file.
func fileURL(t *testing.T, file string) string {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// visit is a visit of a page: what is wrong with it, and all its text.
type visit struct {
	at       string
	text     string
	mu       sync.Mutex
	opened   int
	findings []string
}

// visit opens a page in a tab of its own and looks at it in each way.
func (b browser) visit(t *testing.T, file string) *visit {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	defer cancel()
	v := &visit{at: fileURL(t, file)}
	err := chromedp.Do(ctx)
	if err == nil {
		err = chromedp.Listen(ctx, v.hear)
	}
	if err == nil {
		err = v.all(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	if v.opened != 1 {
		t.Errorf("the page was opened %d times", v.opened)
	}
	return v
}

func (v *visit) note(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.findings = append(v.findings, fmt.Sprintf(format, args...))
}

// hear takes up what the browser tells by itself.
func (v *visit) hear(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Request.URL != v.at {
			v.note("sends a request: %s", e.Request.URL)
			return
		}
		v.mu.Lock()
		v.opened++
		v.mu.Unlock()
	case *log.EventEntryAdded:
		v.note("the browser complains: %s", e.Entry.Text)
	}
}

// look has the page audited as it is laid out now.
func (v *visit) look(what, question string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string]("("+audit+")("+question+")"))
		for _, f := range found {
			v.note("%s: %s", what, f)
		}
		return err
	})
}

// all looks at the page in each way.
func (v *visit) all(ctx context.Context) error {
	steps := []chromedp.Action[chromedp.Void]{
		send(network.Enable, network.EnableParams{}), send(log.Enable, cdp.Empty{}),
		chromedp.Navigate(v.at), v.look("the page", `{elements: true}`),
		send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}), v.look("on paper", `{printed: true}`),
	}
	for _, scheme := range []string{"light", "dark"} {
		preference := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
		steps = append(steps, send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "screen", Features: preference}),
			v.look(scheme, `{contrast: true}`))
	}
	for _, width := range []int64{400, 1400} {
		steps = append(steps, chromedp.EmulateViewport(width, 900), v.look(fmt.Sprintf("at %d pixels", width), `{layout: true}`))
	}
	if err := chromedp.Do(ctx, steps...); err != nil {
		return err
	}
	var err error
	if v.text, err = chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.textContent")); err != nil {
		return err
	}
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF())
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) || len(pdf) < 10_000 {
		v.note("prints to %d bytes", len(pdf))
	}
	return err
}

// send is a command to the tab as an action.
func send[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, c, params)
		return err
	})
}
