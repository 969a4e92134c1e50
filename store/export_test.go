package store

// OldestTable is the query that each step of Prune begins with.
const OldestTable = oldestTable

// OpenGaps are the statements that a pass looks for open gaps with.
var OpenGaps = []string{findOpenGap, closeGaps, growOpenGap}

// UnknownKeys are the look-ups of known facts, for 2 facts of each raw table.
var UnknownKeys = []string{unknownKeys(shipsTable, 2), unknownKeys(putsTable, 2), unknownKeys(rejectionsTable, 2)}

// TextsPerHour is the quota of different messages.
const TextsPerHour = textsPerHour

// ValidHost decides under which name facts are counted.
var ValidHost = validHost
