package report

import (
	"strings"

	"github.com/cis490/fleet-health/store/visible"
)

// fixes are the suggested fixes of a host, one for each symptom. The newest alert counts.
type fixes struct {
	symptoms []string // in the order of their first alerts
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

// below returns the text below a table.
func (f *fixes) below(p page) string {
	var b strings.Builder
	for _, symptom := range f.symptoms {
		b.WriteString(p.advice(visible.Escape("what to do about "+symptom+":"), visible.Escape(f.fix[symptom])))
	}
	return b.String()
}

// wrapped breaks a text between words into lines of at most width columns of a terminal.
// A command in backquotes stays on one line if it fits, so that it can be copied. If
// width is 0 or less, wrapped returns one line.
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

// unbroken splits a text into words. A command that fits on a line is one word.
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
