package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/report"
	"github.com/spf13/cobra"
)

func schemaCommand(e *Env) *cobra.Command {
	var r reading
	cmd := &cobra.Command{
		Use:   "schema [VIEW]",
		Short: "list the views that SQL can read, with their columns, units and examples",
		Long: `List the columns of the views that query and sqlite3 -readonly can read. Views keep
their columns; the tables below them may change. A condition is fast on a column that
ends in _us, and on hour_number.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			style, err := r.style(e)
			if err != nil {
				return err
			}
			view := strings.Join(args, "")
			if views := report.Views(); len(args) == 1 && !slices.Contains(views, view) {
				hint := cmp.Or(didYouMean(nearest(view, views, 3)), "; there are "+strings.Join(views, ", "))
				return fmt.Errorf("%w: there is no view %s%s", errUsage, cell(view), hint)
			}
			return report.Schema(e.Stdout, style, view)
		},
		ValidArgsFunction: cobra.FixedCompletions(report.Views(), cobra.ShellCompDirectiveNoFileComp),
	}
	r.formatFlag(cmd)
	return cmd
}
