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
that were open then. Before the rows that are kept, nothing can be judged again.`,
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
	if r.Found, err = again.run(ctx, r.Window, changeOf(flags)); err != nil {
		return err
	}
	switch {
	case o.against != "":
		r.Names[1] = "against"
		r.Other, err = again.run(ctx, r.Window, other)
	case o.diff:
		r.Names[1] = "recorded"
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
	e      *Env
	db     string
	passes []store.JudgedPass // the first one is that before all others
	warm   int                // how many of the others are from before the window
	then   []store.Incident   // that were open at the first one, and those from which rhythms are learnt
}

// read reads the passes of a window, and what was recorded in it.
func (a *replay) read(tx *store.Tx, w report.Window, r *report.Replayed, recorded bool) (err error) {
	kept, err := tx.RawSince()
	if err != nil {
		return err
	}
	if w.Since < kept {
		r.Notes = append(r.Notes, "the rows before "+moment(kept)+" are pruned: what was then cannot be judged again")
		w.Since = kept
	}
	if a.passes, err = tx.JudgedPasses(max(w.Since-detect.WarmUp, kept), w.Until); err != nil {
		return err
	}
	inWindow := func(p store.JudgedPass) bool { return p.AsOf > w.Since }
	if a.warm = slices.IndexFunc(a.passes[1:], inWindow); a.warm < 0 {
		return fmt.Errorf("%w from %s to %s; give another --since or --until", errNoPass, moment(w.Since), moment(w.Until))
	}
	r.Passes = len(a.passes) - 1 - a.warm
	first, before := a.passes[0], a.passes[a.warm]
	r.Window, r.Begin = report.Window{Since: before.AsOf}, a.passes[a.warm+1].AsOf
	if before.ID == 0 {
		r.Window.Since = store.MaxTime
	}
	for _, p := range a.passes[a.warm+1:] {
		if r.Window.Until-p.AsOf > store.LateWithin {
			r.Notes = append(r.Notes, "the clock went back by more than a day, to "+moment(p.AsOf)+": passes before count as if they had known what came then")
		}
		r.Window.Since, r.Window.Until = min(r.Window.Since, p.AsOf-1), max(r.Window.Until, p.AsOf)
	}
	if !a.passes[1].Thresholds.Valid {
		r.Notes = append(r.Notes, "the oldest passes did not store their thresholds and what they could not read: they count as usual ones that read all")
	}
	grown, err := tx.GapsGrown()
	if err != nil {
		return err
	}
	if grown > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d gap(s) have grown since they were found: passes before count as if they had known it", grown))
	}
	if a.then, err = report.OpenThen(tx, first.AsOf); err != nil || !recorded {
		return err
	}
	r.Other, err = report.FoundIn(tx, r.Window)
	return err
}

// run judges the passes again, and returns what they find.
func (a *replay) run(ctx context.Context, w report.Window, change func(*detect.Thresholds)) (found []report.Found, err error) {
	s, err := store.OpenRerun(ctx, a.db)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	err = s.Rerun(ctx, func(tx *store.Tx) error {
		again, err := detect.Before(tx, a.passes[0], a.then)
		if err != nil {
			return err
		}
		var changed func(*detect.Thresholds)
		said := a.e.Now()
		for n, pass := range a.passes[1:] {
			if err := ctx.Err(); err != nil {
				return err
			}
			if n == a.warm {
				changed = change
			}
			if err := again.Judge(pass, changed); err != nil {
				return err
			}
			if now := a.e.Now(); now.Sub(said) > 3*time.Second {
				said = now
				a.e.log.Log(ctx, levelProgress, fmt.Sprintf("judged %d of %d passes, up to %s", n+1, len(a.passes)-1, moment(pass.AsOf)))
			}
		}
		found, err = report.FoundIn(tx, w)
		return err
	})
	return found, err
}
