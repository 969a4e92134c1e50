package detect

import (
	"encoding/json"
	"fmt"

	"github.com/cis490/fleet-health/store"
)

// judged stores what a pass judges by, so that it can judge again.
func judged(tx *store.Tx, t Thresholds, read Sources, pass int64) error {
	if pass == 0 {
		return nil
	}
	thresholds, err := json.Marshal(t)
	if err != nil {
		return err
	}
	sources := ""
	if read != (Sources{}) {
		text, err := json.Marshal(read)
		if err != nil {
			return err
		}
		sources = string(text)
	}
	return tx.Judged(pass, sources, string(thresholds))
}

// Again is how passes judge again. Their tables are those of store.OpenRerun.
type Again struct {
	tx     *store.Tx
	feeder *store.Feeder
}

// WarmUp is how long passes should judge again as they did, in microseconds, before the first
// pass that counts: since when a host is expected after an outage is not stored for the past.
const WarmUp = 24 * store.Hour

// Before makes the tables ready for the passes after one. incidents are those that
// store.Tx.Feed wants.
func Before(tx *store.Tx, pass store.JudgedPass, incidents []store.Incident) (*Again, error) {
	feeder, err := tx.Feed(pass, incidents)
	if err != nil {
		return nil, err
	}
	a := &Again{tx: tx, feeder: feeder}
	if pass.ID == 0 {
		return a, nil
	}
	// A host has its turn to learn once a week, or once a day.
	for at := pass.AsOf - 7*24*store.Hour; at <= pass.AsOf; at += store.Hour {
		if err := Learn(tx, at-at%store.Hour, 0); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Judge judges as a pass, with the thresholds that it had. change changes them, unless it is nil.
func (a *Again) Judge(pass store.JudgedPass, change func(*Thresholds)) error {
	if err := a.feeder.Next(pass); err != nil {
		return err
	}
	t, read := DefaultThresholds(), Sources{}
	for _, part := range []struct {
		text string
		into any
	}{{pass.Thresholds.String, &t}, {pass.Sources.String, &read}} {
		if part.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(part.text), part.into); err != nil {
			return fmt.Errorf("pass %d: %w", pass.ID, err)
		}
	}
	if change != nil {
		change(&t)
	}
	var judgments []Judgment
	for _, d := range detectors {
		if d.silence { // incidents have a detector of their own
			continue
		}
		v, err := d.judge(a.tx, t, d.source(read), pass.AsOf)
		if err != nil {
			return fmt.Errorf("detect %s: %w", d.symptom, err)
		}
		judgments = append(judgments, v)
	}
	_, err := Follow(a.tx, t, read, judgments, pass.AsOf, 0)
	return err
}
