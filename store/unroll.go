package store

import "fmt"

// rolledEvery is the time between two passes that judge by rollups, in microseconds.
const rolledEvery = 5 * Minute

// RolledPasses returns passes every five minutes after since and up to until, both in
// microseconds, that judge by the hourly rollups of ships. The first one is that before since.
// They have the oldest thresholds that are known. The list is empty if there is no rollup in that
// time.
func (tx *Tx) RolledPasses(since, until int64) (list []JudgedPass, err error) {
	p := JudgedPass{FromRollups: true}
	var first int64
	err = tx.QueryRow(`
		SELECT
		  (SELECT COALESCE(MIN(hour) * 3600000000, ?1) FROM ship_hours),
		  (SELECT COALESCE(MIN(id), 0) FROM passes WHERE judged = 1),
		  (SELECT thresholds FROM pass_thresholds ORDER BY pass_id LIMIT 1)`, until).Scan(&first, &p.ID, &p.Thresholds)
	if err != nil || p.ID == 0 {
		return nil, err
	}
	since = max(since, first)
	for p.AsOf = since - since%Hour; p.AsOf <= until; p.AsOf += rolledEvery {
		list = append(list, p)
	}
	return list, nil
}

// unrolledFor is how long ships that were made from rollups are kept, in microseconds: no cause
// looks back further than a day.
const unrolledFor = 25 * Hour

// hideRaw hides the raw rows of the file by empty tables. unroll fills that of the ships hour by
// hour. PUTs and rejections stay empty: their rollups have counts and no times.
func (f *Feeder) hideRaw(pass JudgedPass) error {
	if err := f.tx.shadow("ships", "puts", "rejections", "unit_states", "series"); err != nil {
		return err
	}
	// One series for each host is enough for what is known of its ships.
	_, err := f.tx.Exec("INSERT INTO series (id, source_id, host_id, code_commit_id) SELECT id, 0, id, 0 FROM recorded.hosts")
	if err != nil {
		return err
	}
	return f.unroll(pass)
}

// unrollHour makes the ships of an hour. A rollup has how many there were, the first, the last,
// and the longest time between two of them, but not when that was. It is taken to be the last
// one, and the others as equally long. So the ships of a host that has at most two in the hour are
// exact, and every silence that lasts into another hour.
const unrollHour = `
WITH RECURSIVE steps (n) AS (
  SELECT 0
  UNION ALL
  SELECT n + 1
  FROM steps
  WHERE n + 1 < (SELECT MAX(ships) FROM ship_hours WHERE hour = :hour)
)
INSERT INTO ships (received_at, series_id, line_hash)
SELECT
  IIF(n = ships - 1, last_at, first_at + n * (last_at - longest_gap - first_at) / MAX(ships - 2, 1)),
  host_id,
  n
FROM ship_hours
JOIN steps ON n < ships
WHERE hour = :hour
ON CONFLICT DO NOTHING`

// unroll makes the ships up to the hour of a pass, and forgets those that no detector needs.
func (f *Feeder) unroll(pass JudgedPass) error {
	f.unrolled = max(f.unrolled, (pass.AsOf-unrolledFor)/Hour-1)
	for ; f.unrolled < pass.AsOf/Hour; f.unrolled++ {
		if _, err := f.tx.Exec(unrollHour, named(map[string]any{"hour": f.unrolled + 1})...); err != nil {
			return fmt.Errorf("hour %d: %w", f.unrolled+1, err)
		}
		if _, err := f.tx.Exec("DELETE FROM ships WHERE received_at < ?", pass.AsOf-unrolledFor); err != nil {
			return err
		}
	}
	return nil
}
