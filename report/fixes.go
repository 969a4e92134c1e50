package report

import (
	"strings"

	"github.com/cis490/fleet-health/store/visible"
)

// fixes are what to do about each symptom of a host, as its newest alert says.
type fixes struct {
	symptoms []string // in the order in which they were found
	fix      map[string]string
}

func (f *fixes) add(symptom, fix string) {
	if _, known := f.fix[symptom]; !known {
		f.symptoms = append(f.symptoms, symptom)
	}
	if f.fix == nil {
		f.fix = map[string]string{}
	}
	f.fix[symptom] = fix
}

// below is how they stand below a table.
func (f *fixes) below(p page) string {
	var b strings.Builder
	for _, symptom := range f.symptoms {
		b.WriteString(p.advice(visible.Escape("what to do about "+symptom+":"), visible.Escape(f.fix[symptom])))
	}
	return b.String()
}

// wrapped breaks a text into lines of so many columns of a terminal, between its
// words. A command between backquotes stays on one line, to be copied, if it has
// room on any. Without a width it is one line.
func wrapped(text string, width int) (lines []string) {
	if width <= 0 {
		return []string{text}
	}
	line := ""
	for _, word := range unbroken(text, width) {
		switch {
		case line == "":
			line = word
		case columnsOf(line)+1+columnsOf(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// unbroken are the words of a text; a command that has room on a line is one.
func unbroken(text string, width int) (words []string) {
	inCommand := false
	for _, word := range strings.Fields(text) {
		last := len(words) - 1
		if inCommand && columnsOf(words[last])+1+columnsOf(word) <= width {
			words[last] += " " + word
		} else {
			words = append(words, word)
		}
		inCommand = inCommand != (strings.Count(word, "`")%2 == 1)
	}
	return words
}
