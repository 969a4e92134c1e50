package store

import (
	"context"
	"maps"
	"slices"
)

// OldestTable is the first query of each step of Prune.
const OldestTable = oldestTable

// OpenGaps are the statements that find open gaps.
var OpenGaps = []string{findOpenGap, closeGaps, growOpenGap}

// UnknownKeys are the queries for unknown facts, for 2 facts of each raw table.
var UnknownKeys = []string{unknownKeys(shipsTable, 2), unknownKeys(putsTable, 2), unknownKeys(rejectionsTable, 2), unknownKeys(errorsTable, 2)}

// TextsPerHour is the quota of different messages.
const TextsPerHour = textsPerHour

// ValidHost reports whether facts count under the name of their host.
var ValidHost = validHost

// The queries of incidents and of their events.
const (
	IncidentsAsked = incidentsAsked
	EventsAsked    = selectEvents
	EventsAfter    = selectEventsAfter
)

// OpenWith is OpenReadOnly with further parameters of SQLite's file name.
func OpenWith(ctx context.Context, path, parameters string) (*Store, error) {
	return openCurrent(ctx, path, "mode=ro&"+parameters)
}

// Statements returns the SQL of the statements that a transaction has prepared.
func (tx *Tx) Statements() []string { return slices.Sorted(maps.Keys(tx.prepared)) }
