package report

import (
	"database/sql"
	"testing"

	"github.com/cis490/fleet-health/store"
)

func TestStateOf(t *testing.T) {
	t.Parallel()
	const until, reach = 100 * store.Hour, 24 * store.Hour
	at := func(us int64) sql.NullInt64 { return sql.NullInt64{Int64: us, Valid: true} }
	looked := func(at sql.NullInt64) []look {
		return []look{{"fatal-only", store.Hour, at}, {"silent", reach, at}}
	}
	fresh := looked(at(until))
	for _, c := range []struct {
		name    string
		host    hostFacts
		blindTo int64
		looks   []look
		want    state
	}{
		{"a host that ships is healthy", hostFacts{lastShip: at(until - 1)}, 0, fresh, stateHealthy},
		{"a host whose only symptom is silent is silent", hostFacts{lastShip: at(until - store.Hour), open: words{"silent"}}, 0, fresh, stateSilent},
		{"a silent host whose PUTs are rejected is failing", hostFacts{lastShip: at(until - store.Hour), open: words{"fatal-only", "silent"}}, 0, fresh, stateFailing},
		{"a host that ships is failing if its PUTs are rejected", hostFacts{lastShip: at(until), open: words{"unstamped"}}, 0, fresh, stateFailing},
		{"a host without a ship has never shipped", hostFacts{}, 0, fresh, stateNever},
		{"a host without a ship whose PUTs are rejected is failing", hostFacts{open: words{"fatal-only"}}, 0, fresh, stateFailing},
		{"a host that was silent for the lookback is lost", hostFacts{lastShip: at(1), open: words{"silent"}, lost: true}, 0, fresh, stateLost},
		{"a host that ships again is recovering until its incident ends", hostFacts{lastShip: at(until - 1), open: words{"silent"}, recovering: true}, 0, fresh, stateRecovering},
		{"a lost host that ships again is recovering", hostFacts{lastShip: at(until - 1), open: words{"silent"}, lost: true, recovering: true}, 0, fresh, stateRecovering},
		{"a host that was not found again in a gap is unknown", hostFacts{lastShip: at(until - 1), open: words{"silent"}, recovering: true}, until, fresh, stateUnknown},
		{"a host that was not found again is unknown once the detectors are stale", hostFacts{lastShip: at(until - 1), open: words{"silent"}, recovering: true}, 0,
			looked(at(until - Stale - 1)), stateUnknown},
		{"a retired host is retired", hostFacts{lastShip: at(1), open: words{"silent"}, lost: true, retired: true}, until, fresh, stateRetired},
		{"a host whose receiver is in trouble is affected", hostFacts{lastShip: at(until - 1), affected: true}, 0, fresh, stateAffected},
		{"a silent host whose receiver is in trouble is silent", hostFacts{lastShip: at(until - store.Hour), open: words{"silent"}, affected: true}, 0, fresh, stateSilent},
		{"a host whose long silence is normal is healthy", hostFacts{lastShip: at(until - reach - 1)}, 0, fresh, stateHealthy},
		{"a host that has not shipped for long is unknown in a gap", hostFacts{lastShip: at(1)}, until, fresh, stateUnknown},
		{"a name of the program's own that has not shipped for long is gone", hostFacts{lastShip: at(until - reach - 1), unnamed: true}, 0, fresh, stateGone},
		{"a name of the program's own that ships is healthy", hostFacts{lastShip: at(until - 1), unnamed: true}, 0, fresh, stateHealthy},
		{"a host is unknown if a source was blind since its last ship", hostFacts{lastShip: at(until - 1)}, until, fresh, stateUnknown},
		{"a host is unknown if a source was blind up to its last ship", hostFacts{lastShip: at(until - 1)}, until - 1, fresh, stateUnknown},
		{"a host that shipped after the last gap is healthy", hostFacts{lastShip: at(until - 1)}, until - 2, fresh, stateHealthy},
		{"a symptom is known even in a gap", hostFacts{lastShip: at(until - 1), open: words{"silent"}}, until, fresh, stateSilent},
		{"a host is healthy until the detectors' last look is stale", hostFacts{lastShip: at(until - 1)}, 0, looked(at(until - Stale)), stateHealthy},
		{"a host is unknown once the detectors' last look is stale", hostFacts{lastShip: at(until - 1)}, 0, looked(at(until - Stale - 1)), stateUnknown},
		{"a host is unknown if the detectors' last look is not known", hostFacts{lastShip: at(until - 1)}, 0, looked(sql.NullInt64{}), stateUnknown},
		{"a host is unknown if no detector has ever looked", hostFacts{lastShip: at(until - 1)}, 0, nil, stateUnknown},
	} {
		if got := stateOf(c.host, judgedAt(until, c.blindTo, c.looks, []string{"silent"})); got != c.want {
			t.Errorf("%s: it is %s, want %s", c.name, got, c.want)
		}
	}
}

// TestStateOfBeforeTheFirstIncident: the alerts of an older version have the symptoms of that
// time, and a host that it no longer expected is gone.
func TestStateOfBeforeTheFirstIncident(t *testing.T) {
	t.Parallel()
	const until, reach = 100 * store.Hour, 24 * store.Hour
	at := func(us int64) sql.NullInt64 { return sql.NullInt64{Int64: us, Valid: true} }
	looked := func(at sql.NullInt64) []look {
		return []look{{"fatal-only", store.Hour, at}, {"silent", reach, at}}
	}
	fresh := looked(at(until))
	for _, c := range []struct {
		name     string
		lastShip sql.NullInt64
		blindTo  int64
		looks    []look
		want     state
	}{
		{"a host that shipped at the start of the detector's reach is still expected", at(until - reach), 0, fresh, stateHealthy},
		{"a host that shipped before the detector's reach is gone", at(until - reach - 1), 0, fresh, stateGone},
		{"a host is not gone before the detector has looked", at(until - reach - 1), 0, looked(at(until - store.Minute)), stateHealthy},
		{"a host is gone as of the window's end if the detector's last look is not known", at(until - reach - 1), 0, looked(sql.NullInt64{}), stateGone},
		{"a host is not gone if no detector looks for silence", at(1), 0, fresh[:1], stateHealthy},
		{"a host that is gone stays gone in a gap", at(1), until, fresh, stateGone},
	} {
		j := judgedAt(until, c.blindTo, c.looks, []string{"silent"})
		j.before = true
		if got := stateOf(hostFacts{lastShip: c.lastShip}, j); got != c.want {
			t.Errorf("%s: it is %s, want %s", c.name, got, c.want)
		}
	}
}
