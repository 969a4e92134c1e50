package store

// OldestTable is the query that each step of Prune begins with.
const OldestTable = oldestTable
