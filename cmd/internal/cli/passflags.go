package cli

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type passOptions struct {
	db, index, alerts       string
	unit, directory, export string
	journal                 string
	journalTimeout          time.Duration
	thresholds              detect.Thresholds
	nowText, logLevel, page string
	retentionDays           int
	maxSizeText             string
	maxSize                 int64 // of the database in bytes, 0 for no limit
	rebuild                 bool
	now                     int64
	nowGiven                bool
	level                   slog.Level
}

func passCommand(e *Env) *cobra.Command {
	return passLike(e, &cobra.Command{
		Use:   "pass",
		Short: "read what is new, run the detectors, write alerts",
	}, false)
}

func rebuildCommand(e *Env) *cobra.Command {
	return passLike(e, &cobra.Command{
		Use:   "rebuild",
		Short: "move the database aside, and make a new one from the index, the journal and alerts.jsonl",
		Long: `Move the database aside, with its -wal and -shm, and run a pass on a new one. Nothing
is deleted.

The pass reads the whole index, its rotated files (index.jsonl.1, index.jsonl.2.gz, …)
and the journal as far back as it goes. It adopts the alerts in alerts.jsonl and
alerts.jsonl.1, so that none fires twice. It starts with new incidents, and knows no
acknowledgements, mutes, retirements and thresholds of hosts. Set them again: this lists
them.

  sqlite3 -readonly OLD "SELECT * FROM operator_log"

If a pass is running, rebuild waits up to a minute for it to end.`,
	}, true)
}

// passLike makes a command run a pass, with the flags of one.
func passLike(e *Env, cmd *cobra.Command, rebuild bool) *cobra.Command {
	o := passOptions{rebuild: rebuild}
	cmd.Args = cobra.NoArgs
	cmd.Annotations = map[string]string{writesLog: ""}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.check(e); err != nil {
			return err
		}
		return runPass(cmd.Context(), o, e)
	}
	o.flags(cmd.Flags())
	return cmd
}

// defaultPassOptions returns the options of a pass without flags.
func defaultPassOptions() (o passOptions) {
	o.flags(pflag.NewFlagSet("", pflag.ContinueOnError))
	return o
}

// flags adds the flags of a pass, and sets the options to their defaults.
func (o *passOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.db, "db", defaultDB, "the database")
	f.StringVar(&o.index, "index-path", defaultIndex, "the receiver's index")
	f.StringVar(&o.alerts, "alerts-path", defaultAlerts, "the file that alerts are appended to")
	f.StringVar(&o.unit, "journal-unit", "cis490-receiver", "the receiver's systemd unit")
	f.StringVar(&o.directory, "journal-directory", "", "the directory of the journal files, if not the system's (journalctl -D)")
	f.StringVar(&o.export, "journal-export", "", "a `FILE` made by journalctl -o export, to read instead; - is standard input")
	f.StringVar(&o.journal, "journal", "system", "the `KIND` of journal: system, or none to read no journal")
	f.DurationVar(&o.journalTimeout, "journal-timeout", 30*time.Second, "time without output after which journalctl is killed")
	o.thresholds = detect.DefaultThresholds()
	thresholdFlags(f, &o.thresholds)
	f.IntVar(&o.retentionDays, "retention-days", 90, "days to keep ships, PUTs and rejections, 0 for ever; hourly counts are always kept")
	f.StringVar(&o.maxSizeText, "max-database-size", "2GiB", "`SIZE` of the database, at least 16MiB, above which the oldest rows are pruned early; 0 for no limit")
	f.StringVar(&o.page, "page", "", "after the pass, write the fleet's page index.html and a page of each host to this `DIR`; by default no pages")
	f.StringVar(&o.nowText, "now", "", "evaluate as of this `RFC3339` time instead of the clock's")
	f.StringVar(&o.logLevel, "log-level", "info", "least severe messages to log: error, warning, info or debug")
}

// check parses the flags, and refuses those that are wrong.
func (o *passOptions) check(e *Env) error {
	now, err := parseNow(o.nowText, e)
	if err != nil {
		return err
	}
	o.now, o.nowGiven = now, o.nowText != ""
	if err := o.checkPaths(); err != nil {
		return err
	}
	if err := o.checkRetention(); err != nil {
		return err
	}
	if o.journal != "system" && o.journal != "none" {
		return fmt.Errorf("%w: --journal %q is neither system nor none", errUsage, o.journal)
	}
	if o.unit == "" || strings.ContainsAny(o.unit, "*?[") {
		return fmt.Errorf("%w: --journal-unit %q is not the name of one unit", errUsage, o.unit)
	}
	if o.export != "" && (o.journal == "none" || o.directory != "") {
		return fmt.Errorf("%w: --journal-export excludes --journal none and --journal-directory", errUsage)
	}
	if o.directory != "" && o.journal == "none" {
		return fmt.Errorf("%w: --journal-directory excludes --journal none", errUsage)
	}
	if o.journalTimeout <= 0 {
		return fmt.Errorf("%w: --journal-timeout %s is not positive", errUsage, o.journalTimeout)
	}
	o.level, err = parseLevel(o.logLevel)
	return err
}

// parseLevel parses --log-level.
func parseLevel(text string) (slog.Level, error) {
	level, ok := levels[strings.ToLower(text)]
	if !ok {
		return 0, fmt.Errorf("%w: --log-level %q is none of error, warning, info, debug", errUsage, text)
	}
	return level, nil
}

// checkPaths refuses an empty path, and a file that two flags name: an alert appended to
// the index would be read as an episode.
func (o *passOptions) checkPaths() error {
	flags := map[string]string{}
	if db, err := filepath.Abs(o.db); err == nil {
		for _, suffix := range []string{"-wal", "-shm", ".lock"} {
			flags[db+suffix] = "db"
		}
	}
	infos := map[string]os.FileInfo{}
	for _, p := range []struct{ flag, path string }{{"db", o.db}, {"index-path", o.index}, {"alerts-path", o.alerts},
		{"journal-export", o.export}} {
		if p.path == "" && p.flag != "journal-export" {
			return fmt.Errorf("%w: --%s is empty", errUsage, p.flag)
		}
		if p.path == "" || p.path == "-" {
			continue
		}
		path, err := filepath.Abs(p.path)
		if err != nil {
			return fmt.Errorf("%w: --%s %s: %w", errUsage, p.flag, p.path, err)
		}
		other, taken := flags[path]
		if info, err := os.Stat(path); err == nil {
			for flag, known := range infos {
				if os.SameFile(info, known) {
					other, taken = flag, true
				}
			}
			infos[p.flag] = info
		}
		if taken {
			return fmt.Errorf("%w: --%s and --%s are the same file %s", errUsage, other, p.flag, p.path)
		}
		flags[path] = p.flag
	}
	return nil
}

// fromEnvironment sets --db and --now from FLEET_HEALTH_DB and FLEET_HEALTH_NOW, unless
// they were typed.
func fromEnvironment(flags *pflag.FlagSet, e *Env) error {
	for name, variable := range map[string]string{"db": "FLEET_HEALTH_DB", "now": "FLEET_HEALTH_NOW"} {
		flag, value := flags.Lookup(name), e.Getenv(variable)
		if flag == nil || flag.Changed || value == "" {
			continue
		}
		if name == "now" {
			if _, err := parseNow(value, e); err != nil {
				return fmt.Errorf("%s: %w", variable, err)
			}
		}
		if err := flags.Set(name, value); err != nil {
			return fmt.Errorf("%w: %s: %w", errUsage, variable, err)
		}
	}
	return nil
}

// parseNow parses --now to microseconds. Without it, now is the clock's time.
func parseNow(text string, e *Env) (int64, error) {
	if text == "" {
		return e.Now().UnixMicro(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.UnixMicro() < 0 || t.UnixMicro() > store.MaxTime {
		return 0, fmt.Errorf("%w: --now %q is not an RFC 3339 time like 2026-05-01T06:37:53Z", errUsage, text)
	}
	return t.UnixMicro(), nil
}
