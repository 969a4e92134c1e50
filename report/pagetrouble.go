package report

import (
	"fmt"
	"strings"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/visible"
)

// pageLink is a name that is a link if Href is not "".
type pageLink struct{ Name, Href string }

func (p *Pages) link(host string) pageLink {
	l := pageLink{Name: Cell(host)}
	if p.linked {
		l.Href = PageName(host)
	}
	return l
}

// pageText is a part of a text: words, or a command.
type pageText struct {
	Text    string
	Command bool
}

// pageTexts splits a text at the backquotes around its commands.
func pageTexts(text string) (parts []pageText) {
	pieces := strings.Split(visible.Escape(text), "`")
	for i, piece := range pieces {
		if piece != "" {
			parts = append(parts, pageText{piece, i%2 == 1 && i < len(pieces)-1})
		}
	}
	return parts
}

// pageTrouble is an open incident on a page.
type pageTrouble struct {
	ID                   int64
	Subject              pageLink
	Symptom, State       string
	Since, Lasts, Detail string
	Fix                  []pageText
	Hosts                []pageLink // that it explains
	More                 int        // further ones
	Explained            string     // the incident that explains it; "" for none
	Quiet                bool       // it is acknowledged, muted, or over for now
}

const (
	// maxTroubles limits the troubles that the fleet's page describes.
	maxTroubles = 30
	// maxBelow limits the hosts that it names below a trouble.
	maxBelow = 40
)

// quiet reports whether nobody needs to look at the incident now.
func (i *openIncident) quiet() bool { return i.Acked || i.Muted || i.Recovering }

// Affected returns the number of hosts that the trouble explains.
func (t pageTrouble) Affected() int { return len(t.Hosts) + t.More }

// trouble describes an open incident.
func (p *Pages) trouble(i *openIncident) (t pageTrouble) {
	t = pageTrouble{ID: i.ID, Subject: pageLink{Name: subjectShown(i.Subject)}, Symptom: i.Symptom, Since: show(minute(i.BeganAt), p.style.zone()),
		Lasts: Age(p.window.Until - i.BeganAt), Quiet: i.quiet()}
	if full := p.incidents[i.ID]; full != nil {
		t.State, t.Detail, t.Fix = incidentState(full, p.window.Until), visible.Escape(full.Detail), pageTexts(full.Fix)
	}
	if i.Muted {
		t.State += ", muted"
	}
	if i.cause != nil {
		t.Explained = fmt.Sprintf("%d, %s %s", i.cause.ID, Cell(i.cause.Subject), i.cause.Symptom)
	}
	if i.isHost() {
		t.Subject = p.link(i.Subject)
		return t
	}
	for _, h := range p.fleet.hosts {
		if h.cause == i {
			if t.More++; t.More <= maxBelow {
				t.Hosts = append(t.Hosts, p.link(h.Name))
			}
		}
	}
	t.More -= len(t.Hosts)
	return t
}

// subjectShown names the subject of an incident as a sentence does.
func subjectShown(subject string) string {
	switch subject {
	case store.SubjectReceiver:
		return "The receiver"
	case store.SubjectGroup:
		return "A group of hosts"
	}
	return Cell(subject)
}
