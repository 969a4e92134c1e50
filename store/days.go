package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// A day has the rollups of its hours and, once it is over, those of the day, which are their
// sums. Until then it is in open_days and has no rollup of the day, because that would be
// written again with every batch. Readers count such a day from its hours.

// openDay records that an hour of a day, in days since 1970, changes. It deletes the rollup
// of a finished day.
func (tx *Tx) openDay(day int64) error {
	open, err := tx.openDays()
	if err != nil || open[day] {
		return err
	}
	for _, query := range []string{
		"DELETE FROM ship_days WHERE day = ?",
		"DELETE FROM put_days WHERE day = ?",
		"DELETE FROM rejection_days WHERE day = ?",
		"INSERT INTO open_days (day) VALUES (?)",
	} {
		if _, err := tx.Exec(query, day); err != nil {
			return err
		}
	}
	open[day] = true
	return nil
}

func (tx *Tx) openDays() (map[int64]bool, error) {
	if tx.s.openDays != nil {
		return tx.s.openDays, nil
	}
	var days []int64
	if err := tx.Select(&days, "SELECT day FROM open_days"); err != nil {
		return nil, err
	}
	open := map[int64]bool{}
	for _, day := range days {
		open[day] = true
	}
	tx.s.openDays = open
	return open, nil
}

// finishDay writes the rollup of an open day.
const (
	finishShipDay = `
INSERT INTO ship_days (day, host_id, ships)
SELECT
  ?1,
  host_id,
  SUM(ships)
FROM ship_hours
WHERE hour >= ?1 * 24 AND hour < (?1 + 1) * 24
GROUP BY host_id`
	finishPutDay = `
INSERT INTO put_days (day, host_id, status, puts)
SELECT
  ?1,
  host_id,
  status,
  SUM(puts)
FROM put_hours
WHERE hour >= ?1 * 24 AND hour < (?1 + 1) * 24
GROUP BY host_id, status`
	finishRejectionDay = `
INSERT INTO rejection_days (day, host_id, reason, rejections)
SELECT
  ?1,
  host_id,
  reason,
  SUM(rejections)
FROM rejection_hours
WHERE hour >= ?1 * 24 AND hour < (?1 + 1) * 24
GROUP BY host_id, reason`
	closeDay = "DELETE FROM open_days WHERE day = ?1"
)

// daysPerStep is the number of days that one transaction of FinishDays finishes. A day of
// 1,000 hosts takes some 30 ms.
const daysPerStep = 10

// FinishDays writes the rollups of the open days before the day of now, in microseconds. A
// few days share a transaction. It stops between two transactions if ctx ends.
func (s *Store) FinishDays(ctx context.Context, now int64) error {
	for {
		days, err := s.overAndOpen(ctx, now)
		if err != nil || len(days) == 0 {
			return err
		}
		err = s.Update(ctx, func(tx *Tx) error {
			for _, day := range days[:min(len(days), daysPerStep)] {
				if err := tx.finishDay(day); err != nil {
					return fmt.Errorf("finish a day: %w", err)
				}
			}
			return nil
		})
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
	}
}

// overAndOpen returns the open days before the day of now, in order.
func (s *Store) overAndOpen(ctx context.Context, now int64) (days []int64, err error) {
	if s.openDays == nil {
		err := s.View(ctx, func(tx *Tx) error {
			_, err := tx.openDays()
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for open := range s.openDays {
		if open < now/day {
			days = append(days, open)
		}
	}
	slices.Sort(days)
	return days, nil
}

func (tx *Tx) finishDay(day int64) error {
	for _, query := range []string{finishShipDay, finishPutDay, finishRejectionDay, closeDay} {
		statement, err := tx.once(query)
		if err != nil {
			return err
		}
		if _, err := statement.Exec(day); err != nil {
			return err
		}
	}
	delete(tx.s.openDays, day)
	return nil
}
