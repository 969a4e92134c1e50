package detect

import (
	"fmt"
	"slices"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// Symptoms of the receiver and of groups of hosts.
const (
	ReceiverFailing  = "receiver-failing"
	ReceiverSilent   = "receiver-silent"
	ReceiverDown     = "receiver-down"
	ReceiverDegraded = "receiver-degraded"
	IndexStuck       = "index-stuck"
	GroupRejected    = "group-rejected"
	GroupSilent      = "group-silent"
	Unreadable       = "unreadable"
	JournalUnread    = "journal-unread"
	IndexUnread      = "index-unread"
)

// causeRow is a row of the query of a cause.
type causeRow struct {
	BeganAt int64 `db:"began_at"` // microseconds
	Puts    int64 `db:"puts"`
	Hosts   int64 `db:"hosts"`
	LastAt  int64 `db:"last_at"` // microseconds
	Status  int64 `db:"status"`
	// From the journal's entries about the unit.
	Restarts int64  `db:"restarts"` // in the last ten minutes
	State    string `db:"state"`
	Detail   string `db:"detail"` // the text of PID 1, escaped
}

// cause is a detector of what is wrong with the receiver. While it is found, it explains the
// troubles of hosts that began with it.
type cause struct {
	symptom string
	query   string
	needs   func(Sources) bool // its sources were read
	// explains reports whether a trouble of a host may come from the cause.
	explains func(trouble) bool
	detail   func(c causeRow, now int64) string
	fix      string
}

// causes are all of them. The first that is open explains the others.
var causes = []cause{
	{
		symptom:  ReceiverDown,
		query:    "receiver_down.sql",
		needs:    Sources.unitRead,
		explains: func(t trouble) bool { return t.quiet || t.server },
		detail: func(c causeRow, now int64) string {
			if c.Restarts >= restartsOfALoop {
				return fmt.Sprintf("the unit was started again %d times in ten minutes; PID 1 says: %s", c.Restarts, foreign(c.Detail))
			}
			return fmt.Sprintf("the unit is %s for %s; PID 1 says: %s", c.State, minutes(now-c.BeganAt), foreign(c.Detail))
		},
		fix: "on the receiver, run `systemctl status cis490-receiver` and `journalctl -u cis490-receiver -n 50` for the reason; " +
			"then `sudo systemctl start cis490-receiver`",
	},
	{
		symptom:  ReceiverFailing,
		query:    "receiver_failing.sql",
		needs:    Sources.journalRead,
		explains: func(t trouble) bool { return t.quiet || t.server },
		detail: func(c causeRow, _ int64) string {
			return fmt.Sprintf("no PUT accepted since %s, %s of %d hosts answered with %d", isotime.Format(c.BeganAt), atLeast(c.Puts, "PUT"), c.Hosts, c.Status)
		},
		fix: "on the receiver, run `journalctl -u cis490-receiver -n 50` for its error and `df -h` for its disk; after a deploy, " +
			"remove stale `__pycache__` directories; then `sudo systemctl restart cis490-receiver`",
	},
	{
		symptom:  ReceiverSilent,
		query:    "receiver_silent.sql",
		needs:    func(s Sources) bool { return s.indexRead() && (s.Journal.Off || s.journalRead()) },
		explains: func(t trouble) bool { return t.quiet || t.server },
		detail: func(c causeRow, now int64) string {
			return fmt.Sprintf("nothing from anybody for %s, since %s; %d hosts sent %d PUTs in the half hour before", minutes(now-c.BeganAt),
				isotime.Format(c.BeganAt), c.Hosts, c.Puts)
		},
		fix: "on the receiver, run `systemctl status cis490-receiver`, and look at its network; if it is stopped, run `sudo systemctl start cis490-receiver`",
	},
	{
		symptom:  IndexStuck,
		query:    "index_stuck.sql",
		needs:    func(s Sources) bool { return s.indexRead() && s.journalRead() },
		explains: func(t trouble) bool { return t.quiet },
		detail: func(c causeRow, _ int64) string {
			return fmt.Sprintf("%s of %d host(s) accepted since %s, and none recorded in the index", atLeast(c.Puts, "PUT"), c.Hosts, isotime.Format(c.BeganAt))
		},
		fix: "on the receiver, check that it can append to its index: `df -h`, `ls -l` on index.jsonl, and `journalctl -u cis490-receiver -n 50`",
	},
	{
		symptom: ReceiverDegraded,
		query:   "receiver_degraded.sql",
		needs:   Sources.journalRead,
		// A host of whose PUTs some fail may have had its last one accepted.
		explains: func(t trouble) bool { return t.server || t.symptom == Partial && t.status == 0 },
		detail: func(c causeRow, _ int64) string {
			return fmt.Sprintf("%d PUTs of %d hosts answered with 5xx since %s, the worst with %d, while others are accepted", c.Puts, c.Hosts,
				isotime.Format(c.BeganAt), c.Status)
		},
		fix: "on the receiver, run `journalctl -u cis490-receiver -n 50` for its error, and `systemctl status cis490-receiver`: does each of its workers run?",
	},
}

// restartsOfALoop is the number of restarts in ten minutes that receiver_down.sql takes for a
// unit that starts over and over.
const restartsOfALoop = 3

// atLeast counts things of which a query counted at most a thousand.
func atLeast(n int64, thing string) string {
	if n >= 1000 {
		return fmt.Sprintf("1000 %ss or more", thing)
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// minutes writes a duration in microseconds for people.
func minutes(d int64) string {
	switch m := d / store.Minute; {
	case m < 120:
		return fmt.Sprintf("%d min", m)
	case m < 48*60:
		return fmt.Sprintf("%d h %d min", m/60, m%60)
	default:
		return fmt.Sprintf("%d days", m/60/24)
	}
}

func (s Sources) indexRead() bool { return !s.Index.Off && s.Index.Held == "" }

// unitRead reports whether the journal was read up to now.
func (s Sources) unitRead() bool {
	return !s.Journal.Off && s.Journal.Held == "" && s.Journal.ReadTo == 0
}

// journalRead reports whether the PUTs of the journal were read up to now, and understood.
func (s Sources) journalRead() bool {
	return s.unitRead() && !s.NoPuts
}

// findCauses returns the causes that are found as of now, in the order of causes, with the
// hosts that had facts in the day before.
func findCauses(tx *store.Tx, t Thresholds, read Sources, now int64) (found []trouble, err error) {
	for _, c := range causes {
		if !c.needs(read) {
			continue
		}
		query, err := queries.ReadFile(c.query)
		if err != nil {
			return nil, err
		}
		var rows []causeRow
		if err := tx.SelectNamed(&rows, string(query), t.params(now)); err != nil {
			return nil, fmt.Errorf("detect %s: %w", c.symptom, err)
		}
		for _, r := range rows {
			one := trouble{subject: store.SubjectReceiver, symptom: c.symptom, beganAt: r.BeganAt, figure: max(r.Puts, (now-r.BeganAt)/store.Minute),
				detail: c.detail(r, now), fix: c.fix, query: c.query}
			if one.hosts, err = hostsOfTheDay(tx, r.BeganAt); err != nil {
				return nil, err
			}
			words, err := tx.ReceiverSaid(r.BeganAt-store.Minute, now+1)
			if err != nil {
				return nil, err
			}
			if word, ok := telling(words); ok {
				one.detail += fmt.Sprintf("; its log has %d × %s", word.Count, foreign(word.Text))
			}
			found = append(found, one)
		}
	}
	return found, nil
}

// telling returns the most frequent error of the receiver. A traceback that came half as often
// as another line, or more, names the reason: the other only announces it.
func telling(words []store.ReceiverWord) (word store.ReceiverWord, ok bool) {
	for _, w := range words {
		if w.Kind == store.KindTraceback && 2*w.Count >= words[0].Count {
			return w, true
		}
	}
	if len(words) == 0 {
		return word, false
	}
	return words[0], true
}

// sourceTroubles returns what is wrong with the sources themselves.
func sourceTroubles(tx *store.Tx, read Sources, now int64) (found []trouble, err error) {
	for _, s := range []struct {
		symptom string
		wrong   bool
		detail  string
		fix     string
	}{
		{IndexUnread, read.Index.Unread, "the index could not be read to its end", "on the receiver, run `cis490-fleet-health doctor`, which names the file and the reason"},
		{JournalUnread, read.Journal.Unread, "the journal could not be read to its end", "on the receiver, run `cis490-fleet-health doctor`, which names the reason"},
		{Unreadable, read.NoPuts, "hosts ship, but no line of the receiver is understood as a PUT",
			"compare `journalctl -u cis490-receiver -n 20` on the receiver with the forms in ingest/README.md"},
	} {
		if !s.wrong {
			continue
		}
		hosts, err := hostsOfTheDay(tx, now)
		if err != nil {
			return nil, err
		}
		found = append(found, trouble{subject: store.SubjectReceiver, symptom: s.symptom, beganAt: now, detail: s.detail, fix: s.fix, hosts: hosts})
	}
	return found, nil
}

// hostsOfTheDay returns the hosts that the receiver should have heard of, as far as there is
// room for them.
func hostsOfTheDay(tx *store.Tx, at int64) ([]string, error) {
	hosts, err := tx.HostsOfTheDay(at, MaxFindings)
	var kept room
	if n := slices.IndexFunc(hosts, func(host string) bool { return !kept.takes(host) }); n >= 0 {
		hosts = slices.Clone(hosts[:n])
	}
	return hosts, err
}

// explains reports whether an incident of the receiver explains a trouble of a host.
func explains(symptom string, t trouble) bool {
	for _, c := range causes {
		if c.symptom == symptom {
			return c.explains(t)
		}
	}
	return false
}
