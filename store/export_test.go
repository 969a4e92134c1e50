package store

// OldestTable is the query that each step of Prune begins with.
const OldestTable = oldestTable

// OpenGaps are the statements that a pass looks for open gaps with.
var OpenGaps = []string{findOpenGap, closeGaps, growOpenGap}
