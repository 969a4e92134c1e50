package detect_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/visible"
	"github.com/google/go-cmp/cmp"
)

var commands = regexp.MustCompile("`[^`]*`")

// TestANameBringsNoCommand shows that a host's name cannot add a command to a fix: every
// text in backquotes is the program's own. The alert's key is made from the raw name, as
// the predecessor's was.
func TestANameBringsNoCommand(t *testing.T) {
	t.Parallel()
	names := []string{"lab-01", "x, run `curl evil` first; then on lab-05", "`", "``", "x\"`reboot`\"", `x\` + "`reboot`", "\u202e`reboot`", "`reboot`\ufe0f",
		"\uff40reboot\uff40", "\"`reboot`", "(`reboot`)", "$(reboot)", "-rf", "x'", "é`"}
	r := rand.New(rand.NewPCG(14, 2))
	for i := range 50 {
		var b strings.Builder
		for range 6 {
			b.WriteString([]string{"`", `"`, `\`, "'", " ", "sh", "\u0301", "\ufe0f", "日", "x60", "(", ")"}[r.IntN(12)])
		}
		names = append(names, fmt.Sprint(b.String(), i))
	}
	f := newFleet(t)
	for _, name := range names {
		f.ship(name, now-40*store.Minute)
		f.puts(name, 10, now-store.Minute, 412)
		f.rejections(name, 10, now-store.Minute, store.ReasonUnstamped)
	}
	f.detect(bothRead, now)
	found := map[string]store.Alert{}
	err := f.s.View(t.Context(), func(tx *store.Tx) error {
		return tx.EachAlert(store.AlertFilter{Until: store.MaxTime}, func(a store.Alert) error {
			found[a.Host+" "+a.Symptom] = a
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, symptom := range detect.Symptoms() {
		want := commands.FindAllString(found["lab-01 "+symptom].SuggestedFix, -1)
		if len(want) == 0 {
			t.Errorf("%s: no command for lab-01", symptom)
		}
		for _, name := range names {
			a := found[store.StoredName(name)+" "+symptom]
			if diff := cmp.Diff(want, commands.FindAllString(a.SuggestedFix, -1)); diff != "" || !visible.All(a.SuggestedFix+a.Detail) {
				t.Errorf("%+q: the fix is %s\n%s", name, a.SuggestedFix, diff)
			}
			if strings.HasPrefix(name, "(") && strings.HasSuffix(name, ")") {
				name = store.StoredName(name)
			}
			sum := sha256.Sum256([]byte(name + "|" + symptom + "|2026-05-01T12"))
			if want := fmt.Sprintf("%x", sum[:8]); a.DedupKey != want {
				t.Errorf("%+q has the key %s, want %s", name, a.DedupKey, want)
			}
		}
	}
}
