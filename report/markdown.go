package report

import (
	"regexp"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
)

// markdownPage formats documents as markdown.
type markdownPage struct{}

// markdownEscapes escapes a text within a line or in a cell of a table.
var markdownEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "&", "&amp;", "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`)

func (markdownPage) text(text string) string { return markdownEscapes.Replace(text) }

// beginsBlock matches a line that markdown reads as a heading, a quotation, a list or a
// rule.
var beginsBlock = regexp.MustCompile(`^[#>+=-]`)

func (markdownPage) begins(text string) string {
	if beginsBlock.MatchString(text) {
		return `\` + text
	}
	return text
}

func (p markdownPage) line(text string) string { return p.text(text) }

func (p markdownPage) advice(title, text string) string {
	return "\n" + p.text(title) + "\n" + p.text(text) + "\n"
}

func (p markdownPage) verbatim(title, lines string) string {
	return "\n" + p.text(title) + "\n\n```\n" + lines + "```\n"
}

func (markdownPage) colour(state) string { return "" }

func (markdownPage) narrow(*grid, bool) {}

func (markdownPage) options() []tablewriter.Option {
	return []tablewriter.Option{tablewriter.WithRenderer(renderer.NewMarkdown())}
}

// lines removes the head and the rule below it from all parts but the first.
func (markdownPage) lines(rendered string, first bool) string {
	if first {
		return rendered
	}
	return strings.SplitAfterN(rendered, "\n", 3)[2]
}
