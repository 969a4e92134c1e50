package report

// relation is how a file relates to the stored position.
type relation int

const (
	missing   relation = iota // there is no such file
	unrelated                 // the file never had the position
	endsThere                 // the file had the position, and ends at it
	goesOn                    // the file had the position, and goes on after it
)

// facts are what Reconcile's plan depends on. Offsets are in bytes.
type facts struct {
	first   bool     // no position is stored
	offset  int64    // of the stored position
	waiting bool     // the table has alerts that are not exported
	rotated relation // of alerts.jsonl.1
	current relation // of alerts.jsonl
	tail    tail     // of alerts.jsonl
}

// tail is the part of a file that is to be read: what follows the position, or the
// whole of an unrelated file.
type tail struct {
	from   int64 // the offset at which it starts
	end    int64 // where it ends: at the first hole that a power cut left, or with the file
	size   int64 // where the file ends
	whole  int64 // where its last whole line ends; end+1 if only the newline is missing
	alerts int   // the number of alerts in it
}

// reason is why Reconcile does something, or nothing.
type reason string

const (
	upToDate   reason = "nothing follows the position"
	noAlert    reason = "the first alerts.jsonl has content, but no alert"
	firstTime  reason = "no position is stored"
	wasRotated reason = "alerts.jsonl.1 goes on after the position"
	replaced   reason = "alerts.jsonl never had the position"
	grown      reason = "alerts.jsonl goes on after the position"
)

// action is one thing that Reconcile does.
type action string

const (
	refuse      action = "refuse alerts.jsonl"
	readRotated action = "read alerts.jsonl.1 from"
	syncRotated action = "sync alerts.jsonl.1"
	cutOff      action = "cut off alerts.jsonl at"
	endLine     action = "end the last line of alerts.jsonl"
	readCurrent action = "read alerts.jsonl from"
	syncCurrent action = "sync alerts.jsonl"
	syncNames   action = "sync the directory"
	move        action = "move the position to"
)

// step is an action, with the offset of those that need one.
type step struct {
	do action
	at int64
}

// plan is what Reconcile does, and why. Without steps, there is nothing to do.
type plan struct {
	why   reason
	steps []step
}

// planFor decides what Reconcile does.
func planFor(f facts) plan {
	why := f.reason()
	switch why {
	case upToDate:
		return plan{why: why}
	case noAlert:
		return plan{why, []step{{do: refuse}}}
	}
	var steps []step
	if f.rotatedMatters() {
		steps = append(steps, step{readRotated, f.offset}, step{do: syncRotated})
	}
	if f.current == missing {
		return plan{why, append(steps, step{do: syncNames})}
	}
	return plan{why, append(steps, f.tail.steps()...)}
}

func (f facts) reason() reason {
	rotated := f.rotatedMatters()
	switch {
	case f.first && f.tail.whole > 0 && f.tail.alerts == 0:
		return noAlert
	case f.first && (rotated || f.current != missing):
		return firstTime
	case rotated:
		return wasRotated
	case f.tail.from == f.tail.size:
		return upToDate
	case f.current == unrelated:
		return replaced
	default:
		return grown
	}
}

// rotatedMatters reports whether alerts.jsonl.1 may hold alerts that the table lacks,
// or has as not exported.
func (f facts) rotatedMatters() bool {
	switch {
	case f.first:
		return f.rotated != missing
	case f.offset == 0:
		// Any file can have had this position. It is ours only if a crash cut the first
		// export short, which left its alerts waiting.
		return f.rotated == goesOn && f.waiting
	default:
		return f.rotated == goesOn && (f.current == missing || f.current == unrelated)
	}
}

// steps mends the end of alerts.jsonl, and then reads it. A crash may have come before
// the lines, or the name of the file, were synced.
func (t tail) steps() (steps []step) {
	if keep := min(t.whole, t.end); keep < t.size {
		steps = append(steps, step{cutOff, keep})
	}
	if t.whole > t.end {
		steps = append(steps, step{do: endLine})
	}
	return append(steps, step{readCurrent, t.from}, step{do: syncCurrent}, step{do: syncNames}, step{move, t.whole})
}
