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
		name     string
		lastShip sql.NullInt64
		open     words
		blindTo  int64
		looks    []look
		want     state
	}{
		{"a host that ships is healthy", at(until - 1), nil, 0, fresh, stateHealthy},
		{"a host whose only symptom is silent is silent", at(until - store.Hour), words{"silent"}, 0, fresh, stateSilent},
		{"a silent host whose PUTs are rejected is failing", at(until - store.Hour), words{"fatal-only", "silent"}, 0, fresh, stateFailing},
		{"a host that ships is failing if its PUTs are rejected", at(until), words{"unstamped"}, 0, fresh, stateFailing},
		{"a host without a ship has never shipped", sql.NullInt64{}, nil, 0, fresh, stateNever},
		{"a host without a ship whose PUTs are rejected is failing", sql.NullInt64{}, words{"fatal-only"}, 0, fresh, stateFailing},
		{"a host that shipped at the start of the detector's reach is still expected", at(until - reach), nil, 0, fresh, stateHealthy},
		{"a host that shipped before the detector's reach is gone", at(until - reach - 1), nil, 0, fresh, stateGone},
		{"a host is not gone before the detector has looked", at(until - reach - 1), nil, 0, looked(at(until - store.Minute)), stateHealthy},
		{"a host is gone as of the window's end if the detector's last look is not known", at(until - reach - 1), nil, 0, looked(sql.NullInt64{}), stateGone},
		{"a host is not gone if no detector looks for silence", at(1), nil, 0, fresh[:1], stateHealthy},
		{"a host is unknown if a source was blind since its last ship", at(until - 1), nil, until, fresh, stateUnknown},
		{"a host is unknown if a source was blind up to its last ship", at(until - 1), nil, until - 1, fresh, stateUnknown},
		{"a host that shipped after the last gap is healthy", at(until - 1), nil, until - 2, fresh, stateHealthy},
		{"a host that is gone stays gone in a gap", at(1), nil, until, fresh, stateGone},
		{"a symptom is known even in a gap", at(until - 1), words{"silent"}, until, fresh, stateSilent},
		{"a host is healthy until the detectors' last look is stale", at(until - 1), nil, 0, looked(at(until - Stale)), stateHealthy},
		{"a host is unknown once the detectors' last look is stale", at(until - 1), nil, 0, looked(at(until - Stale - 1)), stateUnknown},
		{"a host is unknown if the detectors' last look is not known", at(until - 1), nil, 0, looked(sql.NullInt64{}), stateUnknown},
		{"a host is unknown if no detector has ever looked", at(until - 1), nil, 0, nil, stateUnknown},
	} {
		if got := stateOf(c.lastShip, c.open, judgedAt(until, c.blindTo, c.looks, []string{"silent"})); got != c.want {
			t.Errorf("%s: it is %s, want %s", c.name, got, c.want)
		}
	}
}
