package detect

import (
	"fmt"
	"strings"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/shellword"
)

// fixOfStatus returns what to do about PUTs of a host that fail with a status.
func fixOfStatus(host string, status int64) string {
	name := shellword.InText(store.RawName(host))
	switch {
	case host == store.OverflowHost || host == store.InvalidHost:
		return blockMakers
	case status >= 500:
		return "on the receiver, run `journalctl -u cis490-receiver -n 50` for its error and `df -h` for its disk; the host only meets it"
	case status == 400:
		return fmt.Sprintf("on %s, run `sudo /opt/cis490/scripts/install-lab-host.sh`, which stamps VERSION and restarts the orchestrator", name)
	case status == 401 || status == 403:
		return fmt.Sprintf("on %s, compare the shipper's credentials with those of the receiver; `journalctl -u cis490-shipper -n 50` has its answers", name)
	case status == 404:
		return fmt.Sprintf("on %s, compare the receiver's address in the shipper's configuration with the receiver's; `journalctl -u cis490-shipper -n 50` has its answers", name)
	case status == 412:
		return fmt.Sprintf("on %s, the code commit is refused, mostly for a diverged HEAD: FIXYOURSELF.md §B", name)
	case status == 413:
		return fmt.Sprintf("on %s, episodes are larger than the receiver takes: look at the largest with `journalctl -u cis490-shipper -n 50`", name)
	case status == 429:
		return fmt.Sprintf("on %s, the shipper sends faster than the receiver allows: `journalctl -u cis490-shipper -n 50` has its rate", name)
	}
	return fmt.Sprintf("on %s, read `journalctl -u cis490-shipper --since '15 minutes ago'`", name)
}

// fixOfAnswers returns what to do about PUTs of a host of which some fail.
func fixOfAnswers(host string) string {
	return fmt.Sprintf("on the receiver, look for its answers to %s in `journalctl -u cis490-receiver -n 200`; a 4xx is the host's, a 5xx the receiver's",
		shellword.InText(store.RawName(host)))
}

// fixOfSilence returns what to do about a host that sends nothing.
func fixOfSilence(host string) string {
	name := shellword.InText(store.RawName(host))
	return fmt.Sprintf("on %s, look at `systemctl status cis490-shipper cis490-orchestrator`; start what is stopped with "+
		"`sudo systemctl start cis490-shipper cis490-orchestrator`", name)
}

// foreign returns a visible text that an outsider may have chosen, for a detail. A text in
// which a detail or a command could seem to end is quoted, and has no backquotes: what stands
// in these is a command of the program.
func foreign(text string) string {
	if !strings.ContainsAny(text, "`;") {
		return text
	}
	return `"` + strings.NewReplacer("`", "'", `"`, "'").Replace(text) + `"`
}

// runbook is the place of the entries of the runbook, one for each symptom.
const runbook = "; runbook: report/README.md#"

// withRunbook names the entry of a symptom at the end of a fix. If the fix names another
// entry already, the new one replaces it.
func withRunbook(fix, symptom string) string {
	fix, _, _ = strings.Cut(fix, runbook)
	return fix + runbook + symptom
}
