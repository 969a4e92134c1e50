// Package shellword quotes words of the commands that the program suggests and that an
// operator pastes into a shell. It imports no other package of the program.
package shellword

import (
	"strconv"
	"strings"
)

// safe are the characters that mean nothing to a shell.
const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// Plain reports whether a name needs no quotes in a command line: a shell reads it as one
// word, and no command reads it as an option or a path.
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

// InText quotes a name for a sentence with commands in backquotes. A name that is not Plain
// becomes a Go string in ASCII with escaped backquotes, which would otherwise start or end
// a command.
func InText(name string) string {
	if Plain(name) {
		return name
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(name), "`", `\x60`)
}
