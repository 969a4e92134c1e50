package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrQuery means that a text is not SQL, or is not one statement that only reads.
var ErrQuery = errors.New("this SQL cannot be run")

// Statement is one SQL statement.
type Statement struct {
	text string // without the semicolon, and without blanks and comments around it
	// Params are the names of its parameters, each once, without : @ $ #.
	Params []string
}

// ParseStatement finds the only statement of a text, and its parameters. The driver cannot
// do that: it runs every statement of a text, returns the rows of the last, and does not
// list the parameters. Blanks, comments and semicolons may stand around the statement. It
// does not check that the statement is SQL. It finds the end by the rules of SQLite's
// tokenizer, and FuzzStatement compares the two. The error is ErrQuery.
func ParseStatement(text string) (*Statement, error) {
	if strings.ContainsRune(text, 0) {
		return nil, fmt.Errorf("%w: it has a NUL in it", ErrQuery) // SQLite stops reading there
	}
	st, begin, end := &Statement{}, -1, -1
	for i := 0; i < len(text); {
		token := text[i : i+tokenLength(text[i:])]
		switch {
		case isBlank(token):
		case token == ";":
			if begin >= 0 && end < 0 {
				end = i
			}
		case end >= 0:
			return nil, fmt.Errorf("%w: it is more than one statement", ErrQuery)
		default:
			if begin < 0 {
				begin = i
			}
			// The driver binds $1 to the first value, whatever its name is.
			if token[0] == '?' || token[0] == '$' && len(token) > 1 && strings.Trim(token[1:], "0123456789") == "" {
				return nil, fmt.Errorf("%w: its parameters must have names: :host, not %s", ErrQuery, token)
			}
			if strings.IndexByte(":@$#", token[0]) >= 0 && len(token) > 1 && !slices.Contains(st.Params, token[1:]) {
				st.Params = append(st.Params, token[1:])
			}
		}
		i += len(token)
	}
	if begin < 0 {
		return nil, fmt.Errorf("%w: there is none", ErrQuery)
	}
	if end < 0 {
		end = len(text)
	}
	st.text = text[begin:end]
	return st, nil
}

// blanks are the bytes that start blank space in SQLite. A vertical tab may follow them.
const blanks = " \t\n\f\r"

// byteOrderMark is also blank space in SQLite. Some editors start a file with it.
const byteOrderMark = "\uFEFF"

// isBlank reports whether a token is blank space or a comment.
func isBlank(token string) bool {
	return strings.IndexByte(blanks, token[0]) >= 0 || strings.HasPrefix(token, "--") ||
		strings.HasPrefix(token, "/*") && len(token) > 2 || token == byteOrderMark
}

// tokenLength returns the length in bytes of the token at the start of s. It may differ
// from SQLite in text that SQLite refuses anyway.
func tokenLength(s string) int {
	switch c := s[0]; {
	case strings.IndexByte(blanks, c) >= 0:
		return len(s) - len(strings.TrimLeft(s, blanks+"\v"))
	case strings.HasPrefix(s, byteOrderMark):
		return len(byteOrderMark)
	case strings.HasPrefix(s, "--"):
		return through(s, 2, "\n")
	case strings.HasPrefix(s, "/*") && len(s) > 2:
		return through(s, 2, "*/")
	case c == '\'' || c == '"' || c == '`':
		return quotedLength(s)
	case c == '[':
		return through(s, 1, "]")
	case strings.IndexByte("?:@$#", c) >= 0:
		return parameterLength(s)
	}
	return max(1, nameLength(s))
}

// through returns the length of s up to and including end, or all of it.
func through(s string, from int, end string) int {
	if i := strings.Index(s[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(s)
}

// quotedLength returns the length of a string or name in quotes. A doubled quote does not
// end it.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] != s[0] {
			continue
		}
		if i+1 == len(s) || s[i+1] != s[0] {
			return i + 1
		}
		i++
	}
	return len(s)
}

// parameterLength returns the length of a parameter. Its name may have the form of a Tcl
// variable, $a::b(c).
func parameterLength(s string) int {
	i, named := 1, false
	for i < len(s) {
		n := nameLength(s[i:])
		switch {
		case n > 0:
			i, named = i+n, true
		case strings.HasPrefix(s[i:], "::"):
			i += 2
		case s[i] == '(' && named:
			if n := strings.IndexAny(s[i:], blanks+"\v)"); n >= 0 {
				return i + n + 1
			}
			return len(s)
		default:
			return i
		}
	}
	return i
}

// nameLength returns the length of the name, number or keyword at the start of s; 0 if
// there is none.
func nameLength(s string) int {
	for i, c := range []byte(s) {
		if c < 0x80 && c != '_' && c != '$' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return i
		}
	}
	return len(s)
}
