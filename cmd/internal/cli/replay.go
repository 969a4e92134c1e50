package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// errNoPass means that a window has nothing to judge again.
var errNoPass = errors.New("no pass judged")

type replayOptions struct {
	reading
	diff    bool
	against string
}

func replayCommand(e *Env) *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "show the incidents that other thresholds would have made",
		Long: `Judge the facts of the window again, pass by pass, as of the times of the passes, and show
the incidents that they would have made. Each pass has the thresholds that it had, but for
those that are given here, and knows the facts that it knew. What operators did is done
again. Nothing is written.

--diff shows only what differs from what was recorded: incidents that only one of the two
has, and those that opened or ended at another time. --against compares with other
thresholds instead of what was recorded.

The day before the window is judged again as it was, so that it begins with the incidents
that were open then. Where the rows are pruned, the hourly counts of ships tell who was
silent, and nothing else; --diff compares that with what the same counts tell by the oldest
thresholds that are known.`,
		Example: "  cis490-fleet-health replay --diff --silent-threshold-min 60\n" +
			"  cis490-fleet-health replay --since 7d --diff --hold-min 30 --against '--hold-min 60'",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runReplay(cmd.Context(), &o, cmd.Flags(), e) },
	}
	o.reading.flags(cmd, "30d")
	usual := detect.DefaultThresholds()
	thresholdFlags(cmd.Flags(), &usual)
	cmd.Flags().BoolVar(&o.diff, "diff", false, "show only what differs from what was recorded")
	cmd.Flags().StringVar(&o.against, "against", "", "compare with these `FLAGS` of thresholds, in quotes, instead of what was recorded")
	return cmd
}

// changeOf returns the change of thresholds that the given flags make.
func changeOf(given *pflag.FlagSet) func(*detect.Thresholds) {
	return func(t *detect.Thresholds) {
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		thresholdFlags(f, t)
		given.Visit(func(one *pflag.Flag) {
			if f.Lookup(one.Name) != nil {
				f.Set(one.Name, one.Value.String())
			}
		})
	}
}

// parseThresholds parses flags of thresholds that stand in one text.
func parseThresholds(text string) (func(*detect.Thresholds), error) {
	t := detect.DefaultThresholds()
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.Usage = func() {}
	thresholdFlags(f, &t)
	if err := f.Parse(strings.Fields(text)); err != nil {
		return nil, fmt.Errorf("%w: --against: %w", errUsage, err)
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%w: --against: %s is not a flag of a threshold", errUsage, cell(f.Arg(0)))
	}
	return changeOf(f), nil
}

// runReplay judges a window again, and prints what is found.
func runReplay(ctx context.Context, o *replayOptions, flags *pflag.FlagSet, e *Env) error {
	style, w, err := o.asked(e)
	if err != nil {
		return err
	}
	other, err := parseThresholds(o.against)
	if err != nil {
		return err
	}
	again := &replay{e: e, db: o.db}
	r := report.Replayed{Names: [2]string{"replay", ""}}
	if err := o.view(ctx, func(tx *store.Tx) error { return again.read(tx, w, &r, o.diff) }); err != nil {
		return err
	}
	if r.Found, err = again.run(ctx, again.stretches, changeOf(flags)); err != nil {
		return err
	}
	switch {
	case o.against != "":
		r.Names[1] = "against"
		r.Other, err = again.run(ctx, again.stretches, other)
	case o.diff:
		r.Names[1] = "recorded"
		// The rollups know less than the rows that were judged, so they are compared with themselves.
		var rolled []report.Found
		rolled, err = again.run(ctx, again.rolled(), nil)
		r.Other = append(rolled, r.Other...)
	}
	if err != nil {
		return err
	}
	if o.diff {
		return report.ReplayDiff(e.Stdout, style, &r)
	}
	return report.Replay(e.Stdout, style, &r)
}

// replay is a window that is judged again.
type replay struct {
	e         *Env
	db        string
	stretches []stretch
}

// stretch is a part of a window. Its passes judge by the rows, or by the rollups where the rows
// are pruned.
type stretch struct {
	passes []store.JudgedPass // the first one is that before all others
	warm   int                // how many of the others are from before the window
	then   []store.Incident   // that were open at the first one, and those from which rhythms are learnt
	window report.Window
}

// warmUp returns how many passes come before a window that begins after since, without the first
// pass of the list. It is -1 if no pass is in the window.
func warmUp(passes []store.JudgedPass, since int64) int {
	return slices.IndexFunc(passes[min(1, len(passes)):], func(p store.JudgedPass) bool { return p.AsOf > since })
}

func (s *stretch) fromRollups() bool { return s.passes[0].FromRollups }

// rolled returns the stretches that are judged by rollups.
func (a *replay) rolled() []stretch {
	return slices.DeleteFunc(slices.Clone(a.stretches), func(s stretch) bool { return !s.fromRollups() })
}

// read reads the passes of a window, and what was recorded in it.
func (a *replay) read(tx *store.Tx, w report.Window, r *report.Replayed, recorded bool) error {
	kept, err := tx.RawSince()
	if err != nil {
		return err
	}
	if w.Since < kept {
		if err := a.readRollups(tx, w, kept, r); err != nil {
			return err
		}
	}
	if w.Until > kept {
		err = a.readFacts(tx, w, kept, r, recorded)
	}
	if err != nil {
		return err
	}
	if len(a.stretches) == 0 {
		return fmt.Errorf("%w from %s to %s; give another --since or --until", errNoPass, moment(w.Since), moment(w.Until))
	}
	for _, s := range a.stretches {
		r.Passes += len(s.passes) - 1 - s.warm
	}
	first := a.stretches[0]
	r.Begin, r.Until = first.passes[first.warm+1].AsOf, a.stretches[len(a.stretches)-1].window.Until
	return nil
}

// readRollups reads the part of a window of which the rows are pruned, which is all before kept.
func (a *replay) readRollups(tx *store.Tx, w report.Window, kept int64, r *report.Replayed) (err error) {
	s := stretch{}
	if s.passes, err = tx.RolledPasses(w.Since-detect.WarmUp, min(w.Until, kept)); err != nil {
		return err
	}
	if s.warm = warmUp(s.passes, w.Since); s.warm < 0 {
		return nil
	}
	s.window = report.Window{Since: s.passes[s.warm].AsOf, Until: s.passes[len(s.passes)-1].AsOf}
	if s.then, err = report.OpenThen(tx, s.passes[0].AsOf); err != nil {
		return err
	}
	// Hosts that were in trouble are found again, as silent.
	s.then = slices.DeleteFunc(s.then, func(i store.Incident) bool { return !i.ResolvedAt.Valid })
	a.stretches = append(a.stretches, s)
	r.Notes = append(r.Notes, "the rows before "+moment(kept)+" are pruned: the hourly counts of ships tell silences, to half an hour, as if a pass with the oldest "+
		"known thresholds had run every 5 minutes; a host that was rejected counts as silent, and nothing else is known")
	return nil
}

// readFacts reads the part of a window of which the rows are kept, which is all after kept.
func (a *replay) readFacts(tx *store.Tx, w report.Window, kept int64, r *report.Replayed, recorded bool) (err error) {
	s := stretch{}
	w.Since = max(w.Since, kept)
	if s.passes, err = tx.JudgedPasses(max(w.Since-detect.WarmUp, kept), w.Until); err != nil {
		return err
	}
	if s.warm = warmUp(s.passes, w.Since); s.warm < 0 {
		return nil
	}
	first, before := s.passes[0], s.passes[s.warm]
	s.window = report.Window{Since: before.AsOf}
	if before.ID == 0 {
		s.window.Since = store.MaxTime
	}
	for _, p := range s.passes[s.warm+1:] {
		if s.window.Until-p.AsOf > store.LateWithin {
			r.Notes = append(r.Notes, "the clock went back by more than a day, to "+moment(p.AsOf)+": passes before count as if they had known what came then")
		}
		s.window.Since, s.window.Until = min(s.window.Since, p.AsOf-1), max(s.window.Until, p.AsOf)
	}
	if !s.passes[1].Thresholds.Valid {
		r.Notes = append(r.Notes, "the oldest passes did not store their thresholds and what they could not read: they count as usual ones that read all")
	}
	grown, err := tx.GapsGrown()
	if err != nil {
		return err
	}
	if grown > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d gap(s) have grown since they were found: passes before count as if they had known it", grown))
	}
	if s.then, err = report.OpenThen(tx, first.AsOf); err == nil && recorded {
		r.Other, err = report.FoundIn(tx, s.window)
	}
	a.stretches = append(a.stretches, s)
	return err
}

// run judges the passes of some stretches again, and returns what they find.
func (a *replay) run(ctx context.Context, stretches []stretch, change func(*detect.Thresholds)) (all []report.Found, err error) {
	for n := range stretches {
		found, err := a.judge(ctx, &stretches[n], change)
		if err != nil {
			return nil, err
		}
		if stretches[n].fromRollups() && len(a.stretches) > 1 {
			// The next stretch begins with the incidents that were recorded as open.
			found = slices.DeleteFunc(found, func(f report.Found) bool { return !f.ResolvedAt.Valid })
		}
		all = append(all, found...)
	}
	return all, nil
}

// judge judges the passes of a stretch again.
func (a *replay) judge(ctx context.Context, st *stretch, change func(*detect.Thresholds)) (found []report.Found, err error) {
	s, err := store.OpenRerun(ctx, a.db)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	err = s.Rerun(ctx, func(tx *store.Tx) error {
		again, err := detect.Before(tx, st.passes[0], st.then)
		if err != nil {
			return err
		}
		var changed func(*detect.Thresholds)
		said := a.e.Now()
		for n, pass := range st.passes[1:] {
			if err := ctx.Err(); err != nil {
				return err
			}
			if n == st.warm {
				changed = change
			}
			if err := again.Judge(pass, changed); err != nil {
				return err
			}
			if now := a.e.Now(); now.Sub(said) > 3*time.Second {
				said = now
				a.e.log.Log(ctx, levelProgress, fmt.Sprintf("judged %d of %d passes, up to %s", n+1, len(st.passes)-1, moment(pass.AsOf)))
			}
		}
		found, err = report.FoundIn(tx, st.window)
		return err
	})
	return found, err
}
