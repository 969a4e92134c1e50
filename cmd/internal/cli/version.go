package cli

import (
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionText returns the version of the release, or Go's own stamp of the checkout.
func versionText(e *Env) string {
	if info, ok := debug.ReadBuildInfo(); ok && e.Version == "" {
		return info.Main.Version
	}
	return e.Version
}

func versionCommand(e *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := io.WriteString(e.Stdout, "cis490-fleet-health "+versionText(e)+"\n")
			return err
		},
	}
}
