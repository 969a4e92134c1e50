package detect

// QueryText returns the SQL of the detector that found an incident, by the name in
// store.Incident. It has no semicolon at its end, and takes the parameters of the table
// thresholds.
func QueryText(name string) (string, error) {
	switch name {
	case "overdue.sql", "group_silent.sql":
		return queryText("quiet_hosts.sql", name)
	}
	return queryText(name)
}

// AllSymptoms returns the symptoms that an alert or an incident can have: those of hosts,
// of groups, of the receiver, and of the sources.
func AllSymptoms() []string {
	return append(Symptoms(), Overdue, Rejected, Partial, Flapping, ReceiverFailing, ReceiverSilent, ReceiverDown, ReceiverDegraded,
		IndexStuck, GroupRejected, GroupSilent, Unreadable, JournalUnread, IndexUnread)
}

// Outages returns the symptoms of a receiver that takes no episodes.
func Outages() (symptoms []string) {
	for _, s := range AllSymptoms() {
		if outage(s) {
			symptoms = append(symptoms, s)
		}
	}
	return symptoms
}
