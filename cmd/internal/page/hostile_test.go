package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"golang.org/x/net/html"
)

// attributesOf lists the elements of a page, and the attributes that each may have.
var attributesOf = map[string]string{
	"html": "lang", "head": "", "meta": "charset name content http-equiv", "title": "", "style": "", "body": "", "header": "", "main": "", "footer": "",
	"nav": "aria-label", "section": "aria-labelledby", "aside": "class aria-labelledby", "article": "id class", "h1": "", "h2": "id", "h3": "", "p": "class", "span": "class",
	"b": "", "i": "", "a": "href", "code": "", "time": "", "ul": "class", "ol": "class", "li": "", "dl": "class", "dt": "class", "dd": "", "div": "class role aria-label tabindex",
	"details": "open", "summary": "", "table": "class", "thead": "", "tbody": "", "tr": "id", "th": "scope class", "td": "class", "figure": "", "figcaption": "",
	"svg": "viewbox preserveaspectratio role aria-label", "defs": "", "pattern": "id width height patternunits patterntransform", "rect": "class x y width height",
	"line": "class x1 y1 x2 y2", "circle": "class cx cy r",
}

// ourClasses matches the classes and anchors of a page: none is made of a name.
var ourWords = regexp.MustCompile(`^[a-z][a-z0-9]*( [a-z][a-z0-9]*)*$`)

// pages returns the parsed pages of a directory, by their names.
func parsedPages(t *testing.T, dir string) map[string]*html.Node {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]*html.Node{}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if pages[f.Name()], err = html.Parse(bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if i := bytes.IndexFunc(text, func(r rune) bool { return r != '\n' && (unicode.In(r, unicode.C, unicode.Hebrew) || r == 0xfffd) }); i >= 0 {
			t.Errorf("%s has a character that is not visible: %q", f.Name(), text[max(0, i-40):min(len(text), i+40)])
		}
	}
	return pages
}

// TestHostileNamesMakeNoElements parses each page as a browser does.
func TestHostileNamesMakeNoElements(t *testing.T) {
	t.Parallel()
	if len(hostileNames) < 80 {
		t.Fatalf("only %d names", len(hostileNames))
	}
	pages := parsedPages(t, hostileFleet(t))
	if len(pages) < 80 {
		t.Fatalf("only %d pages", len(pages))
	}
	for name, page := range pages {
		checkElements(t, name, page, func(href string) bool { return pages[href] != nil })
	}
	// Each name is a name, in the table of hosts.
	var shown []string
	for n := range pages["index.html"].Descendants() {
		if n.Data == "th" {
			shown = append(shown, textOf(n))
		}
	}
	for _, name := range hostileNames {
		valid := len(name) <= 255 && !strings.ContainsFunc(name, func(r rune) bool { return r == '/' || unicode.IsControl(r) })
		if stored := report.Cell(store.StoredName(name)); valid && !slices.Contains(shown, stored) {
			t.Errorf("the page of the fleet has no host %s", stored)
		}
	}
}

// TestReportsOfHostileNamesLinkToNoFile: what report writes is one file, and has no links to
// others.
func TestReportsOfHostileNamesLinkToNoFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(hostileFleet(t))
	for _, host := range append([]string{""}, hostileNames[:20]...) {
		args := []string{"report", "--format", "html", "--db", dir + "/fleet.db", "--now", "2026-05-01T12:10:00Z"}
		if host != "" {
			args = append(args, "--", host)
		}
		var page, log bytes.Buffer
		e := fleettest.Env(fleettest.Now, &log)
		e.Stdout = &page
		if code := cli.Run(t.Context(), args, e); code == cli.ExitUsage && strings.Contains(log.String(), "no such host") {
			continue // it has a slash or a control character
		} else if code != cli.ExitOK {
			t.Fatalf("%q: exit %d\n%s", host, code, &log)
		}
		parsed, err := html.Parse(&page)
		if err != nil {
			t.Fatal(err)
		}
		checkElements(t, "the report of "+host, parsed, func(string) bool { return false })
	}
}

// checkElements fails if a page has another element or attribute than ours, or a link that
// leads elsewhere than to an anchor or to a file that is known.
func checkElements(t *testing.T, name string, page *html.Node, known func(href string) bool) {
	t.Helper()
	anchors, links, style, policy := map[string]bool{}, []string{}, "", ""
	for n := range page.Descendants() {
		if n.Type == html.CommentNode {
			t.Errorf("%s has a comment: %s", name, n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		allowed, ok := attributesOf[n.Data]
		if !ok {
			t.Errorf("%s has an element %s", name, n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case !slices.Contains(strings.Fields(allowed), strings.ToLower(a.Key)):
				t.Errorf("%s has %s %s=%q", name, n.Data, a.Key, a.Val)
			case (a.Key == "class" || a.Key == "id") && !ourWords.MatchString(a.Val):
				t.Errorf("%s has the %s %q", name, a.Key, a.Val)
			case a.Key == "id" && anchors[a.Val]:
				t.Errorf("%s has two elements %s", name, a.Val)
			case a.Key == "id":
				anchors[a.Val] = true
			case a.Key == "href":
				links = append(links, a.Val)
			case a.Key == "content" && strings.HasPrefix(a.Val, "default-src"):
				policy = a.Val
			}
		}
		if n.Data == "style" {
			style += textOf(n)
		}
	}
	sum := sha256.Sum256([]byte(style))
	if want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"; policy != want {
		t.Errorf("%s has the policy %s, want %s", name, policy, want)
	}
	for _, href := range links {
		if anchor, ok := strings.CutPrefix(href, "#"); ok && anchors[anchor] || !ok && known(href) {
			continue
		}
		t.Errorf("%s has a link to %q", name, href)
	}
}

// textOf returns the text of an element.
func textOf(n *html.Node) (text string) {
	if n.Type == html.TextNode {
		return n.Data
	}
	for c := range n.ChildNodes() {
		text += textOf(c)
	}
	return text
}
