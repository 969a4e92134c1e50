package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// values returns the values of the parameters of a statement. It refuses a --param that
// the statement does not have.
func (o *queryOptions) values(e *Env, names []string) (map[string]any, error) {
	values := map[string]any{}
	for _, param := range o.params {
		name, value, ok := strings.Cut(strings.TrimLeft(param, ":@$"), "=")
		if _, twice := values[name]; !ok || name == "" || twice {
			return nil, fmt.Errorf("%w: --param %s is not NAME=VALUE, each name once", errUsage, cell(param))
		}
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("%w: --param %s: the SQL has no :%s%s", errUsage, cell(param), cell(name), didYouMean(nearest(name, names, 3)))
		}
		values[name] = number(value)
	}
	if err := o.times(e, names, values); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, ok := values[name]; !ok {
			return nil, fmt.Errorf("%w: the SQL has :%s, but no value for it: add --param %s=VALUE", errUsage, cell(name), cell(name))
		}
	}
	return values, nil
}

// times adds :since and :until, if the statement has them and no --param gives them.
func (o *queryOptions) times(e *Env, names []string, values map[string]any) error {
	asked := o.reading
	wants := map[string]bool{}
	for _, flag := range []string{"since", "until"} {
		_, given := values[flag]
		wants[flag] = !given && slices.Contains(names, flag)
		if !wants[flag] && o.given(flag) {
			return fmt.Errorf("%w: --%s changes nothing here: the SQL has no :%s, or --param gives it", errUsage, flag, flag)
		}
	}
	if !wants["since"] {
		asked.since = ""
	}
	w, err := asked.window(e)
	if err != nil {
		return err
	}
	for flag, at := range map[string]int64{"since": w.Since, "until": w.Until} {
		if wants[flag] {
			values[flag] = time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.000000Z")
		}
	}
	return nil
}

// number returns the value of a --param: a number if it is written as SQLite writes one,
// and text otherwise. So texts like 0123 and 1.10 still equal a column of text.
func number(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		written := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(written, ".") {
			written += ".0"
		}
		if written == text {
			return f
		}
	}
	return text
}
