package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/visible"
	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"
)

// TestStoredNames compares names with their stored forms.
func TestStoredNames(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"lab-05":                  "lab-05",
		"büro 5":                  "büro 5",
		"=cmd()":                  "=cmd()",
		`say "x"`:                 `say "x"`,
		"(lab":                    "(lab",
		"lab-05\u202e":            `"lab-05\u202e"`,
		`"lab-05\u202e"`:          `"\"lab-05\\u202e\""`,
		`"`:                       `"\""`,
		"(overflow)":              `"(overflow)"`,
		"(invalid)":               `"(invalid)"`,
		"(receiver)":              `"(receiver)"`,
		"(group)":                 `"(group)"`,
		"()":                      `"()"`,
		"(overflow)\ufe0f":        `"(overflow)\ufe0f"`,
		`"(overflow)"`:            `"\"(overflow)\""`,
		" lab-05":                 `" lab-05"`,
		"lab-05 ":                 `"lab-05 "`,
		"lab-05  healthy":         `"lab-05  healthy"`,
		strings.Repeat("w", 255):  strings.Repeat("w", 255),
		"x\u0301\u0301\u0301\xff": `"x\u0301\u0301\u0301\xff"`,
	} {
		if got := store.StoredName(raw); got != want {
			t.Errorf("StoredName(%+q) is %s, want %s", raw, got, want)
		}
		if got := store.RawName(want); got != raw {
			t.Errorf("RawName(%s) is %+q, want %+q", want, got, raw)
		}
	}
}

// TestAlertsNames shows that alerts.jsonl has raw names, as the predecessor's did, except
// those that would look like the program's own names.
func TestAlertsNames(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"lab-05": "lab-05", "lab-05\u202e": "lab-05\u202e", `"x"`: `"x"`, " x": " x", "(x": "(x",
		"(overflow)": `"(overflow)"`, "(x)": `"(x)"`, `"(x)"`: `"\"(x)\""`, `"\"(x)\""`: `"\"\\\"(x)\\\"\""`,
	} {
		if got := store.AlertsName(store.StoredName(raw)); got != want {
			t.Errorf("%+q stands there as %+q, want %+q", raw, got, want)
		}
	}
	for _, own := range []string{store.OverflowHost, store.InvalidHost} {
		if store.AlertsName(own) != own || store.StoredAlertsName(own) != own {
			t.Errorf("%s is not kept", own)
		}
	}
	// The predecessor had no names for many hosts, so this is a host.
	if got := store.StoredAlertsName("(receiver)"); got != `"(receiver)"` {
		t.Errorf("a line of the predecessor about (receiver) is about %s", got)
	}
}

// FuzzNames checks the stored form of a name: it is visible, it is not one of the program's
// own names, and it leads back to the name. So no two names share a form.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"lab-05", "lab-05\ufe0f", "(overflow)", `"(overflow)"`, `"\"(x)\""`, `"(x\u0029"`, "'a'", "`a`", "x\u0301\u0301\u0301", "\xff", " ", "", `\`, `"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) { checkName(t, raw) })
}

func checkName(t *testing.T, raw string) {
	t.Helper()
	stored := store.StoredName(raw)
	if !visible.All(stored) || stored == "" || strings.HasPrefix(stored, "(") && strings.HasSuffix(stored, ")") || len(stored) > 4*len(raw)+2 {
		t.Fatalf("%+q is stored as %+q", raw, stored)
	}
	if back := store.RawName(stored); back != raw {
		t.Fatalf("%+q is stored as %+q, and read back as %+q", raw, stored, back)
	}
	line := store.AlertsName(stored)
	if line != raw && line != stored || strings.HasPrefix(line, "(") && strings.HasSuffix(line, ")") {
		t.Fatalf("%+q stands in alerts.jsonl as %+q", raw, line)
	}
	if back := store.StoredAlertsName(line); back != stored {
		t.Fatalf("%+q, of alerts.jsonl, is %+q, want %+q", line, back, stored)
	}
	printed := visible.Escape(raw)
	if !visible.All(printed) || visible.Escape(printed) != printed {
		t.Fatalf("%+q is printed as %+q", raw, printed)
	}
	for _, size := range []int{0, 1, 7, len(printed) - 1, len(printed)} {
		if cut := visible.EscapeUpTo(raw, size); len(cut) > max(size, 0) || !strings.HasPrefix(printed, cut) || !visible.All(cut) {
			t.Fatalf("%+q is printed in %d bytes as %+q", raw, size, cut)
		}
	}
}

// TestRandomNames runs FuzzNames with names made of difficult parts.
func TestRandomNames(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(14, 10))
	for range 20_000 {
		checkName(t, randomName(r))
	}
}

func randomName(r *rand.Rand) string {
	odd := []string{`"`, `\`, "`", "'", "(", ")", " ", "lab-05", "é", "\u0301", "\ufe0f", "\u202e", "\u05d0", "\u2800", "\u3164", "\U000e0101", "\xff", "u202e", "x29", "\u1161"}
	var b strings.Builder
	for range 1 + r.IntN(8) {
		if r.IntN(4) == 0 {
			b.WriteRune(rune(r.IntN(unicode.MaxRune)))
		} else {
			b.WriteString(odd[r.IntN(len(odd))])
		}
	}
	if r.IntN(4) == 0 {
		return strconv.Quote(b.String())
	}
	return b.String()
}

// TestNoHostHasAnOwnName shows that a host with one of the program's names has its own row.
func TestNoHostHasAnOwnName(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	b := &store.Batch{Source: mustSource(t, s, store.StreamJournal), Now: now, Hosts: []string{"(overflow)", "(invalid)", "a/b", "lab-05\u202e", "lab-05"}}
	for i := range b.Hosts {
		b.Puts = append(b.Puts, store.Put{At: now - 1, CursorHash: uint64(i), Host: int32(i), Status: 200})
	}
	mustSave(t, s, b)
	got := mustSelect[string](t, s, "SELECT name FROM hosts ORDER BY name")
	if diff := cmp.Diff([]string{`"(invalid)"`, `"(overflow)"`, `"lab-05\u202e"`, "(invalid)", "lab-05"}, got); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
}

// TestMigratedNames shows that each host and alert keeps its id, and that ambiguous names
// are quoted.
func TestMigratedNames(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/fleet.db"
	raw := []string{"lab-05", "lab-05\u202e", "(overflow)", "(invalid)", "(receiver)", `"(receiver)"`, `"\"(receiver)\""`, "日本", "a b", " a", "'", "/not-valid", "=1"}
	r := rand.New(rand.NewPCG(1, 8))
	for i := range 2500 { // more than are read at a time
		raw = append(raw, fmt.Sprintf("%d%s", i, strings.ToValidUTF8(strings.ReplaceAll(randomName(r), "\x00", ""), "")))
	}
	old(t, path, 6, 0)
	db := sqlx.MustOpen("sqlite", path)
	tx := db.MustBegin()
	var names, ofAlerts []string
	for i, name := range raw {
		tx.MustExec("INSERT INTO hosts (id, name, first_seen_at) VALUES (?, ?, 1)", i+1, name)
		want := store.StoredName(name)
		if name == store.InvalidHost || name == store.OverflowHost {
			want = name
		}
		names = append(names, want)
		for n := range 2 {
			tx.MustExec(`INSERT INTO alerts (id, dedup_key, host, symptom, detail, suggested_fix, detected_at, last_found_at)
				VALUES (?, ?, ?, 's', 'd', 'f', 1, 1)`, 2*i+n, fmt.Sprint(i, n), name)
			ofAlerts = append(ofAlerts, want)
		}
	}
	if err := errors.Join(tx.Commit(), db.Close()); err != nil {
		t.Fatal(err)
	}
	s := mustReopen(t, path)
	if diff := cmp.Diff(names, mustSelect[string](t, s, "SELECT name FROM hosts ORDER BY id")); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ofAlerts, mustSelect[string](t, s, "SELECT host FROM alerts ORDER BY id")); diff != "" {
		t.Errorf("hosts of alerts (-want +got):\n%s", diff)
	}
}
