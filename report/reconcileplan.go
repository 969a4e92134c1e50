package report

// relation tells how a file relates to the position of the cursor.
type relation int

const (
	missing   relation = iota // there is no such file
	unrelated                 // the file never had the position
	endsThere                 // the file had the position, and ends at it
	goesOn                    // the file had the position, and goes on after it
)

// facts are the facts on which the plan of Reconcile depends. Offsets are in bytes.
type facts struct {
	first   bool     // there is no cursor yet
	offset  int64    // of the cursor
	waiting bool     // the table has alerts that are not exported
	rotated relation // of alerts.jsonl.1
	current relation // of alerts.jsonl
	tail    tail     // of alerts.jsonl
}

// tail is the part of a file that Reconcile must read: the part after the position, or all
// of an unrelated file. Offsets are in bytes.
type tail struct {
	from   int64 // the start of the tail
	end    int64 // the end of the tail: the first hole that a power cut left, or the end of the file
	size   int64 // the end of the file
	whole  int64 // the end of the last whole line; end+1 if only the newline is missing
	alerts int   // the number of alerts in the tail
}

// reason is the reason of a plan.
type reason string

const (
	upToDate   reason = "nothing follows the position"
	noAlert    reason = "the first alerts.jsonl has content, but no alert"
	firstTime  reason = "there is no cursor yet"
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
	move        action = "move the cursor to"
)

// step is an action. at is the offset of an action that needs one.
type step struct {
	do action
	at int64
}

// plan lists the steps of Reconcile, in order, and their reason. It may have no steps.
type plan struct {
	reason reason
	steps  []step
}

// planFor returns the plan that follows from the facts.
func planFor(f facts) plan {
	reason := f.reason()
	switch reason {
	case upToDate:
		return plan{reason: reason}
	case noAlert:
		return plan{reason, []step{{do: refuse}}}
	}
	var steps []step
	if f.rotatedMatters() {
		steps = append(steps, step{readRotated, f.offset}, step{do: syncRotated})
	}
	if f.current == missing {
		return plan{reason, append(steps, step{do: syncNames})}
	}
	return plan{reason, append(steps, f.tail.steps()...)}
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

// rotatedMatters reports whether alerts.jsonl.1 may hold alerts that the table does not
// have, or has not marked as exported.
func (f facts) rotatedMatters() bool {
	switch {
	case f.first:
		return f.rotated != missing
	case f.offset == 0:
		// Every file has position 0. The file is ours only if a crash interrupted the
		// first export, and then its alerts are not marked yet.
		return f.rotated == goesOn && f.waiting
	default:
		return f.rotated == goesOn && (f.current == missing || f.current == unrelated)
	}
}

// steps returns the steps that repair the end of alerts.jsonl and then read it. They
// sync the file and its directory again, because a crash may have prevented that.
func (t tail) steps() (steps []step) {
	if keep := min(t.whole, t.end); keep < t.size {
		steps = append(steps, step{cutOff, keep})
	}
	if t.whole > t.end {
		steps = append(steps, step{do: endLine})
	}
	return append(steps, step{readCurrent, t.from}, step{do: syncCurrent}, step{do: syncNames}, step{move, t.whole})
}
