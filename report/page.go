package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/shellword"
)

//go:embed page*.html page.css
var pageFiles embed.FS

// FormatHTML is the format of Pages. It is none of Formats: only reports of the fleet and of
// a host have it.
const FormatHTML = "html"

// Pages writes the fleet and its hosts as HTML files. A file needs no other: its style stands
// in it, and it has no script. Every text from outside is made visible, and html/template
// escapes it.
type Pages struct {
	tx        *store.Tx
	style     Style
	window    Window
	linked    bool
	fleet     *fleet
	incidents map[int64]*store.Incident // open ones, by ID
	templates *template.Template
}

// NewPages reads the state of the fleet at the end of a window. If linked is true, the pages
// link to one another by the names of PageName.
func NewPages(tx *store.Tx, s Style, w Window, o FleetOptions, linked bool) (p *Pages, err error) {
	p = &Pages{tx: tx, style: s, window: w, linked: linked, incidents: map[int64]*store.Incident{}}
	if p.templates, err = template.ParseFS(pageFiles, "page*.html"); err != nil {
		return nil, err
	}
	if p.fleet, err = fleetAt(tx, w, o); err != nil {
		return nil, err
	}
	open, err := tx.Incidents(store.IncidentFilter{Until: w.Until})
	for n := range open {
		p.incidents[open[n].ID] = &open[n]
	}
	return p, err
}

// PageName returns the name of a host's file. Hosts of different names have different files.
func PageName(host string) string {
	const hashed = "sha256-"
	if shellword.Plain(host) && len(host) <= 100 && !strings.HasPrefix(host, hashed) {
		return "host-" + host + ".html"
	}
	return fmt.Sprintf("host-%s%x.html", hashed, sha256.Sum256([]byte(host)))
}

// maxPageHosts limits the hosts that the fleet's page lists, those in trouble first. Anybody
// who can reach the receiver may invent hosts.
const maxPageHosts = 1000

// PageHost is a host that has a page.
type PageHost struct {
	Name    string
	Trouble bool
	// Mark stands in the page. It is another one once the state of the host or an incident of
	// it has changed.
	Mark string
}

// Hosts returns the hosts that the fleet's page lists, those in trouble first.
func (p *Pages) Hosts() (hosts []PageHost) {
	for _, r := range p.fleet.rows(false) {
		if len(hosts) == maxPageHosts {
			break
		}
		h := r.fleetHost
		hosts = append(hosts, PageHost{h.Name, h.incident != nil || h.cause != nil || len(h.open) > 0, h.mark()})
	}
	return hosts
}

// mark returns the mark of the host's page.
func (h *fleetHost) mark() string {
	return fmt.Sprintf("%016x", xxhash.Sum64String(fmt.Sprint(h.Name, h.state, h.open, h.Muted, h.incident.mark(), h.cause.mark())))
}

// mark returns what a page says of an incident, but for its figures.
func (i *openIncident) mark() string {
	if i == nil {
		return ""
	}
	return fmt.Sprint(i.ID, i.Symptom, i.Lost, i.Recovering, i.Acked, i.Muted)
}

// pageHead is the part of a page that all pages have.
type pageHead struct {
	Title, Back string // Back is the file that the page links to; "" for none
	Style       template.CSS
	Policy      string // Content-Security-Policy
	Mark        string // PageHost.Mark; "" for the page of the fleet
	AsOf, Over  string
	Blind       []string
}

// head returns the head of a page about a window. The policy allows only the style of the page,
// by its hash.
func (p *Pages) head(title string, w Window, blindIn []blindness) (h pageHead, err error) {
	css, err := pageFiles.ReadFile("page.css")
	sum := sha256.Sum256(css)
	h = pageHead{Title: title, Style: template.CSS(css), AsOf: p.style.stamp(w.Until),
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
		Over:   fmt.Sprintf("%s from %s", Age(w.Until-w.Since), p.style.stamp(w.Since+1))}
	for n := len(blindIn) - 1; n >= max(0, len(blindIn)-maxBlind); n-- {
		b := blindIn[n]
		h.Blind = append(h.Blind, fmt.Sprintf("from %s to %s: %s", p.style.clock(b.from), p.style.clock(b.to), b.reason))
	}
	return h, err
}

// execute writes a page from a template, at once: a template writes each word by itself.
func (p *Pages) execute(out io.Writer, name string, data any) error {
	var page bytes.Buffer
	if err := p.templates.ExecuteTemplate(&page, name, data); err != nil {
		return err
	}
	_, err := page.WriteTo(out)
	return err
}
