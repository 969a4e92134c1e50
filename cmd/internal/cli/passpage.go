package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
)

const (
	// pageAge is the age, in microseconds, at which a host's page is written again although
	// its state has not changed.
	pageAge = store.Hour
	// maxPages limits the pages that one pass writes again, so that a large fleet does not
	// delay it. Later passes write the rest.
	maxPages = 100
	// pageIndex is the file of the fleet's page.
	pageIndex = "index.html"
	// pageMarkWithin is how many bytes of a page are read to find its mark.
	pageMarkWithin = 2048
)

// writePages writes the page of the fleet, and those of hosts that are due. If it cannot, the
// pass has done its work, and says so.
func (p *pass) writePages(ctx context.Context) {
	if p.o.page == "" {
		return
	}
	err := p.s.View(ctx, func(tx *store.Tx) error {
		w := report.Window{Since: max(p.o.now-24*store.Hour, 0), Until: p.o.now}
		pages, err := report.NewPages(tx, report.Style{}, w, report.FleetOptions{Silences: detect.Silences(), Outages: detect.Outages()}, true)
		if err != nil {
			return err
		}
		var page bytes.Buffer
		if err := pages.Index(&page); err != nil {
			return err
		}
		if err := p.writePage(pageIndex, page.Bytes()); err != nil {
			return err
		}
		hosts := pages.Hosts()
		if err := p.removePages(hosts); err != nil {
			return err
		}
		kept, err := tx.RawSince()
		if err != nil {
			return err
		}
		buckets, err := w.Buckets("auto", time.UTC, kept)
		if err != nil {
			return err
		}
		due := duePages(p.storedPages(hosts), p.o.now)
		for _, host := range due {
			page.Reset()
			if err := pages.Host(&page, host, buckets); err != nil {
				return err
			}
			if err := p.writePage(report.PageName(host), page.Bytes()); err != nil {
				return err
			}
		}
		p.e.log.Debug(fmt.Sprintf("wrote %d page(s) of %d host(s)", len(due), len(hosts)))
		return nil
	})
	if err != nil && !isSignal(ctx, err) {
		p.sayUnusable(fmt.Errorf("--page %s: %w", p.o.page, err))
	}
}

// storedPage is the page of a host, as the last pass that wrote it has left it.
type storedPage struct {
	host      string
	trouble   bool
	changed   bool  // there is none, or the state of the host is another one
	writtenAt int64 // microseconds; 0 if there is none
}

// storedPages looks at the pages of hosts.
func (p *pass) storedPages(hosts []report.PageHost) []storedPage {
	pages := make([]storedPage, len(hosts))
	for n, h := range hosts {
		pages[n] = storedPage{host: h.Name, trouble: h.Trouble, changed: true}
		f, err := os.Open(filepath.Join(p.o.page, report.PageName(h.Name)))
		if err != nil {
			continue // writing it finds the reason
		}
		var head [pageMarkWithin]byte
		read, _ := f.Read(head[:])
		if info, err := f.Stat(); err == nil {
			pages[n].writtenAt = info.ModTime().UnixMicro()
		}
		pages[n].changed = !bytes.Contains(head[:read], []byte(h.Mark))
		f.Close()
	}
	return pages
}

// duePages returns the hosts whose pages are to be written now: all that have none, and so many
// of the others: first those whose state has changed, then those in trouble, then those whose
// page is old; of these the oldest first. now is in microseconds.
func duePages(pages []storedPage, now int64) (due []string) {
	rank := func(s storedPage) int {
		switch {
		case s.writtenAt == 0:
			return 0
		case s.changed:
			return 1
		case s.trouble:
			return 2
		case now-s.writtenAt >= pageAge || s.writtenAt > now:
			return 3
		}
		return 4
	}
	pages = slices.Clone(pages)
	slices.SortStableFunc(pages, func(a, b storedPage) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a.writtenAt, b.writtenAt)) })
	again := 0
	for _, s := range pages {
		if r := rank(s); r == 4 || r > 0 && again == maxPages {
			break
		} else if r > 0 {
			again++
		}
		due = append(due, s.host)
	}
	return due
}

// removePages removes the pages of hosts that are no longer listed.
func (p *pass) removePages(hosts []report.PageHost) error {
	listed := map[string]bool{}
	for _, h := range hosts {
		listed[report.PageName(h.Name)] = true
	}
	found, err := os.ReadDir(p.o.page)
	for _, f := range found {
		ours, _ := filepath.Match("host-*.html", f.Name())
		if ours && !listed[f.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(p.o.page, f.Name())))
		}
	}
	return err
}

// writePage replaces a file by one with another content. Readers find the old one or the new
// one. It is not synced: after a power cut, the next pass writes it again.
func (p *pass) writePage(name string, content []byte) error {
	path := filepath.Join(p.o.page, name)
	at := time.UnixMicro(p.o.now)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return os.Chtimes(path, at, at)
	}
	unfinished := path + ".new" // one pass at a time: nobody else writes it
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = errors.Join(os.Chtimes(unfinished, at, at), os.Rename(unfinished, path))
	}
	if err != nil {
		os.Remove(unfinished)
	}
	return err
}
