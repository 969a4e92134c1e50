package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// manCommand writes the manual for those who build a package. Its pages are made
// from the commands themselves, as their help is; cobra's own generator would
// bring two markdown libraries along.
func manCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "write the manual's pages into a directory",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ran(writePages(args[0], cmd.Root()))
		},
	}
}

// writePages writes the page of a command, and those of the commands below it.
func writePages(dir string, cmd *cobra.Command) error {
	path := filepath.Join(dir, pageName(cmd)+".1")
	if err := os.WriteFile(path, []byte(manPage(cmd)), 0o644); err != nil {
		return err
	}
	for _, below := range pagesBelow(cmd) {
		if err := writePages(dir, below); err != nil {
			return err
		}
	}
	return nil
}

// pagesBelow are the commands that have pages: those that help shows. The four
// shells of completion are one page.
func pagesBelow(cmd *cobra.Command) (below []*cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && cmd.Name() != "completion" {
			below = append(below, c)
		}
	}
	return below
}

func pageName(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "-")
}

// manPage is the page of a command, for man(7). It has no date, so that the same
// program gives the same page.
func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %q 1 \"\" %q\n", strings.ToUpper(pageName(cmd)), "cis490-fleet-health "+versionText())
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageName(cmd)), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n%s\n", roff(cmd.UseLine()))
	if cmd.Long != "" {
		fmt.Fprintf(&b, ".SH DESCRIPTION\n%s", asTyped(cmd.Long))
	}
	if below := pagesBelow(cmd); len(below) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range below {
			fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", roff(pageName(c)), roff(c.Short))
		}
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n%s", asTyped(cmd.Example))
	}
	cmd.InitDefaultHelpFlag()
	fmt.Fprintf(&b, ".SH OPTIONS\n%s", asTyped(cmd.NonInheritedFlags().FlagUsagesWrapped(72)))
	_, codes, _ := strings.Cut(exitHelp, ":\n")
	fmt.Fprintf(&b, ".SH EXIT STATUS\n%s", asTyped(codes))
	if parent := cmd.Parent(); parent != nil {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(pageName(parent)))
	}
	return b.String()
}

// asTyped is a text whose line breaks and indentation stay: it was written for
// a terminal.
func asTyped(text string) string {
	var b strings.Builder
	b.WriteString(".nf\n")
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		b.WriteString(roff(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String() + ".fi\n"
}

// roff escapes a line of text: a hyphen stays one that can be typed, a leading
// dot or quote is no request, and what is not ASCII does not depend on a locale.
func roff(line string) string {
	var b strings.Builder
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		b.WriteString(`\&`)
	}
	for _, r := range line {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
