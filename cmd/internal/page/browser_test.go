package page

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// layout is what the browser finds in a page.
type layout struct {
	Width    int      // of the page
	Wide     []string // elements that are wider than the window, outside of those that scroll
	Faint    []string // texts whose contrast is less than AA asks for
	Nameless []string // pictures and tables without a name or heads
	Scripts  int
	Height   int
	Headings string // their levels: 1223
}

// findLayout returns a layout. A text on stripes must be readable on each of them. The thin
// lines and dots of pruned and unknown hours do not count.
const findLayout = `(() => {
	const found = {Width: document.documentElement.scrollWidth, Height: document.documentElement.scrollHeight, Wide: [], Faint: [], Nameless: [],
		Scripts: document.scripts.length + document.querySelectorAll('iframe, object, embed, img, link').length,
		Headings: [...document.querySelectorAll('h1, h2, h3, h4')].map(h => h.tagName[1]).join('')};
	const light = rgb => rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
	const colours = text => [...text.matchAll(/rgba?\(([^)]*)\)/g)].map(m => m[1].split(/[,\s/]+/).map(Number)).filter(c => c.length < 4 || c[3] > 0);
	const behind = e => {
		for (; e; e = e.parentElement) {
			const style = getComputedStyle(e);
			const stripes = style.backgroundImage.startsWith('repeating-linear-gradient(135deg') ? colours(style.backgroundImage) : [];
			if (stripes.length) return stripes;
			const plain = colours(style.backgroundColor);
			if (plain.length) return plain;
		}
		return [[255, 255, 255]];
	};
	for (const e of document.body.querySelectorAll('*')) {
		const box = e.getBoundingClientRect(), style = getComputedStyle(e);
		if (box.right > innerWidth + 1 && !e.closest('.scroll') && !e.closest('i')) found.Wide.push(e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 40));
		const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
		if (!own || parseFloat(style.fontSize) === 0 || !box.width || e.closest('svg')) continue;
		const text = colours(style.color)[0];
		for (const back of behind(e)) {
			const [high, low] = [light(text), light(back)].sort((a, b) => b - a);
			const ratio = (high + .05) / (low + .05);
			if (ratio < 4.5) found.Faint.push(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2) + ' ' + e.textContent.slice(0, 30));
		}
	}
	for (const e of document.querySelectorAll('svg')) if (e.getAttribute('role') !== 'img' || !e.getAttribute('aria-label') || !e.querySelector('title')) found.Nameless.push('svg');
	for (const e of document.querySelectorAll('tbody tr')) if (e.cells[0].tagName !== 'TH' || e.cells[0].scope !== 'row') found.Nameless.push(e.textContent.slice(0, 40));
	for (const e of document.querySelectorAll('thead th')) if (e.scope !== 'col' || !e.textContent) found.Nameless.push('a head');
	for (const e of document.querySelectorAll('[aria-labelledby]')) if (!document.getElementById(e.getAttribute('aria-labelledby'))) found.Nameless.push(e.tagName);
	return found;
})()`

// TestPagesInABrowser opens pages in chromium, on a phone and on a desk, light and dark. If the
// environment has SCREENSHOTS, the pictures are stored in that directory.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	hostile, demo, patterns := hostileFleet(t), demoFleet(t), patternFleet(t)
	pages := map[string]string{
		"fleet": demo + "/index.html", "host": demo + "/host-lab-06.html", "healthy": patterns + "/host-steady.html",
		"patterns": patterns + "/index.html", "patterns-host": patterns + "/host-patterns.html", "hostile": hostile + "/index.html",
	}
	files, err := filepath.Glob(hostile + "/host-*.html")
	if err != nil || len(files) < 80 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	shots := os.Getenv("SCREENSHOTS")
	for name, path := range pages {
		for _, width := range []int{360, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				b.looks(path, width, scheme)
				if shots != "" {
					b.screenshot(filepath.Join(shots, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), true)
				}
			}
		}
	}
	for _, path := range files {
		b.looks(path, 360, "dark")
	}
	if shots != "" { // those of the README
		for name, shown := range map[string]struct {
			page, scheme string
			width        int
		}{"page-light.png": {"fleet", "light", 1280}, "page-dark.png": {"host", "dark", 1280}, "page-phone.png": {"fleet", "light", 480}} {
			b.size(shown.width, shown.scheme)
			b.open(pages[shown.page])
			b.screenshot(filepath.Join(shots, name), false)
		}
	}
}

// looks opens a page, and fails if it does not look well or does something.
func (b *browser) looks(path string, width int, scheme string) {
	b.t.Helper()
	b.size(width, scheme)
	b.open(path)
	var found layout
	b.asked(findLayout, &found)
	what := fmt.Sprintf("%s, %d wide, %s", filepath.Base(path), width, scheme)
	if found.Width > width || len(found.Wide) > 0 {
		b.t.Errorf("%s: the page is %d wide: %q", what, found.Width, found.Wide)
	}
	if len(found.Faint) > 0 {
		b.t.Errorf("%s: %d faint texts: %q", what, len(found.Faint), found.Faint[:min(5, len(found.Faint))])
	}
	if len(found.Nameless) > 0 || found.Scripts > 0 || found.Height < 300 || !strings.HasPrefix(found.Headings, "12") {
		b.t.Errorf("%s: nameless %q, %d scripts, %d high, headings %s", what, found.Nameless, found.Scripts, found.Height, found.Headings)
	}
	if complaints := b.complaints(path); len(complaints) > 0 {
		b.t.Errorf("%s: %q", what, complaints)
	}
}
