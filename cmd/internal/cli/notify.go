package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/cis490/fleet-health/cmd/internal/notify"
	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
)

// defaultSinks is the file that notify reads.
const defaultSinks = "/etc/cis490-fleet-health/notify.conf"

type notifyOptions struct {
	db, config, now string
	test            bool
	at              int64 // of --now, in microseconds; 0 for the clock's
}

func notifyCommand(e *Env) *cobra.Command {
	var o notifyOptions
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "send what was said of incidents to chats, mail, webhooks or an Alertmanager",
		Long: `Send what passes have said of incidents since the last run to the sinks in a file: when an
incident is opened, repeated, lost, acknowledged or resolved. It also says when passes have
stopped, and when they go on. A message that cannot be sent is tried again for 24 hours, by
later runs. A new sink is told of what is open.

The file has a URL on each line, and after it options. # begins a comment. Others must not
be able to read the file, since most URLs are secrets.

  https://HOST/PATH       POST each event as a JSON object; secret=KEY signs it
  alertmanager://HOST     send alerts to a Prometheus Alertmanager (alertmanager+https://)
  ntfy://HOST/TOPIC       and slack://, discord://, telegram://, matrix://, smtp:// and more,
                          in the form that https://shoutrrr.nickfedor.com has
  exec:/PATH              run a program with each event as JSON on its standard input
  ping:https://HOST/PATH  POST after each pass that succeeded, and to PATH/fail otherwise

  symptoms=silent,group-*  only incidents with these symptoms
  hosts=lab-0*             only those that concern these hosts
  events=opened,resolved   only these events; not for an Alertmanager
  page=https://HOST/       link to this page, which pass --page writes

--test sends a test message to each sink and says how that went. It needs no database.`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{writesLog: ""},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runNotify(cmd.Context(), &o, e)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", defaultSinks, "the `FILE` of sinks")
	f.StringVar(&o.db, "db", defaultDB, "the database")
	f.BoolVar(&o.test, "test", false, "send only a test message to each sink")
	f.StringVar(&o.now, "now", "", "act as of this `RFC3339` time instead of the clock's")
	return cmd
}

// runNotify tells the sinks what is due, unless another process does.
func runNotify(ctx context.Context, o *notifyOptions, e *Env) (err error) {
	if o.now != "" {
		if o.at, err = parseNow(o.now, e); err != nil {
			return err
		}
	}
	if err := refuseRoot(filepath.Dir(o.db)); err != nil {
		return err
	}
	sinks, err := notify.ReadConfig(o.config, detect.AllSymptoms())
	if err != nil {
		return err
	}
	if o.test {
		return o.try(ctx, e, sinks)
	}
	// Before the lock, which would be made beside a database that is not there.
	s, err := store.OpenShared(ctx, o.db)
	if err != nil {
		return beforeFirstPass(ctx, o.db, err)
	}
	defer s.Close()
	lock, err := takeLockFile(o.db, o.db+".notify.lock", e.Now())
	if err != nil {
		return err
	}
	defer lock.Close()
	if !lock.held {
		e.log.Info("another notify is running; this one leaves it the work")
		return nil
	}
	outcomes, err := notify.Run(ctx, s, sinks, notify.Options{Now: func() int64 { return o.clock(e) }})
	wrong := false
	for _, outcome := range outcomes {
		wrong = o.say(e, outcome) || wrong
	}
	if err == nil && wrong {
		err = errSaid
	}
	return err
}

// clock returns the time in microseconds.
func (o *notifyOptions) clock(e *Env) int64 {
	if o.at != 0 {
		return o.at
	}
	return e.Now().UnixMicro()
}

// say says how a run went for a sink, and reports whether it failed.
func (o *notifyOptions) say(e *Env, r notify.Outcome) (wrong bool) {
	if r.Sent > 0 {
		e.log.Info(fmt.Sprintf("%s: %d event(s) sent", r.Sink, r.Sent))
	}
	if r.Refused > 0 {
		e.log.Warn(fmt.Sprintf("%s: it refused %d event(s), which are not sent again: %s", r.Sink, r.Refused, r.Reason))
	}
	if r.GivenUp > 0 {
		e.log.Warn(fmt.Sprintf("%s: given up: %d event(s) could not be sent for 24 hours: %s; `cis490-fleet-health incidents --events` has them", r.Sink, r.GivenUp, r.Reason))
	}
	switch {
	case r.RetryIn > 0:
		e.log.Warn(fmt.Sprintf("%s: %s; it is tried again in %s, with %d event(s) that wait", r.Sink, r.Reason, report.Age(r.RetryIn), r.Waiting))
	case r.Reason != "" && r.Refused == 0:
		e.log.Warn(fmt.Sprintf("%s: %s; the next run tries it again", r.Sink, r.Reason))
	}
	return r.Reason != ""
}

// try sends a test message to each sink.
func (o *notifyOptions) try(ctx context.Context, e *Env, sinks []notify.Sink) error {
	var out strings.Builder
	wrong := error(nil)
	for n := range sinks {
		reason := notify.Try(ctx, &sinks[n], o.clock(e))
		if reason == "" {
			reason = "sent"
		} else {
			wrong = errSaid
		}
		fmt.Fprintf(&out, "%s: %s\n", &sinks[n], reason)
	}
	if _, err := io.WriteString(e.Stdout, out.String()); err != nil {
		return err
	}
	return wrong
}
