// Package shellword makes words for the commands that the program suggests, and that
// an operator pastes into a shell. It imports nothing of the program.
package shellword

import (
	"strconv"
	"strings"
)

// safe are the characters that mean nothing to a shell.
const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// Plain reports whether a name may stand in a command line as it is: a shell takes it
// for one word, and no command takes it for an option or a path.
func Plain(name string) bool {
	return name != "" && name[0] != '-' && strings.Trim(name, safe) == ""
}

// Quote returns a path as one word of a command line, in single quotes if it needs any.
func Quote(path string) string {
	if path != "" && strings.Trim(path, safe+"/") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// InText returns a name as it may stand in a sentence with commands in backquotes. A
// name that is not Plain is quoted as a Go string in ASCII, with its backquotes
// escaped: one would begin or end a command.
func InText(name string) string {
	if Plain(name) {
		return name
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(name), "`", `\x60`)
}
