package cli

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand writes the manual. It is for building a package.
func manCommand(e *Env) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "write the man pages into a directory",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := refuseRoot(args[0]); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // it has the date of the build
			addExitCodes(root)
			// The header has the date of SOURCE_DATE_EPOCH, if that is set.
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "cis490-fleet-health " + versionText(e)}, args[0])
		},
	}
}

// addExitCodes puts the exit codes at the end of each command's text, as in its help.
// Four blanks keep the lines as they are in markdown.
func addExitCodes(cmd *cobra.Command) {
	title, codes, _ := strings.Cut(strings.Trim(exitHelp, "\n"), "\n")
	cmd.Long = cmp.Or(cmd.Long, cmd.Short) + "\n\n" + title + "\n\n    " + strings.ReplaceAll(codes, "\n", "\n    ")
	for _, below := range cmd.Commands() {
		addExitCodes(below)
	}
}
