package report

// viewColumns describes the columns of the views in migrations, in their order.
var viewColumns = []viewColumn{
	{"ship_log", "received_at", unitTime, "when the receiver accepted the episode", "2026-05-01T11:12:48.808687Z"},
	{"ship_log", "host", unitText, "who shipped it", "lab-05"},
	{"ship_log", "code_commit", unitText, "the commit that it was stamped with; NULL for none", "4f1c2a9"},
	{"ship_log", "received_at_us", unitMicros, "the same as received_at: the quick condition", int64(1777633968808687)},

	{"put_log", "at", unitTime, "when the receiver answered the PUT", "2026-05-01T11:58:57.075844Z"},
	{"put_log", "host", unitText, "who made it; (overflow) and (invalid) stand for many", "lab-06"},
	{"put_log", "status", unitStatus, "with what it was answered", int64(412)},
	{"put_log", "at_us", unitMicros, "the same as at: the quick condition", int64(1777636737075844)},

	{"rejection_log", "at", unitTime, "when the receiver warned of the host's PUT", "2026-05-01T11:21:04.057958Z"},
	{"rejection_log", "host", unitText, "whose PUT it was", "lab-07"},
	{"rejection_log", "reason", unitText, "unstamped: it had no X-Cis490-Code-Commit; or other", "unstamped"},
	{"rejection_log", "message", unitText, "what the receiver said", "WARNING rejected PUT host=lab-07, missing X-Cis490-Code-Commit"},
	{"rejection_log", "at_us", unitMicros, "the same as at: the quick condition", int64(1777634464057958)},

	{"surplus_log", "minute", unitText, "of PUTs or rejections that were counted without a row", "2026-05-01T11:21:00Z"},
	{"surplus_log", "host", unitText, "whose they were", "lab-07"},
	{"surplus_log", "kind", unitText, "the status of the PUTs, or the reason of the rejections", "401"},
	{"surplus_log", "facts", unitCount, "how many, besides those in put_log or rejection_log", int64(1200)},
	{"surplus_log", "minute_us", unitMicros, "the same as minute: the quick condition", int64(1777634460000000)},

	{"host_hourly", "hour", unitHour, "the hour that the row counts", "2026-05-01T11:00:00Z"},
	{"host_hourly", "host", unitText, "the host that the row counts", "lab-06"},
	{"host_hourly", "ships", unitCount, "episodes in the index", int64(0)},
	{"host_hourly", "puts_2xx", unitCount, "PUTs that were accepted", int64(0)},
	{"host_hourly", "puts_4xx", unitCount, "PUTs that were rejected", int64(22)},
	{"host_hourly", "puts_5xx", unitCount, "PUTs on which the receiver failed", int64(8)},
	{"host_hourly", "unstamped", unitCount, "rejections for a missing X-Cis490-Code-Commit", int64(0)},
	{"host_hourly", "hour_number", unitHours, "hour, for quick conditions", int64(493787)},

	{"host_status", "host", unitText, "each host that has been heard of", "lab-07"},
	{"host_status", "last_ship_at", unitTime, "its newest episode; NULL if it never shipped", "2026-05-01T11:19:00.684590Z"},
	{"host_status", "last_put_at", unitTime, "its newest PUT; NULL if none is known", "2026-05-01T11:59:04.590987Z"},
	{"host_status", "first_seen_at", unitTime, "its oldest fact", "2026-04-30T12:01:06.271349Z"},
	{"host_status", "open_symptoms", unitText, "what the last pass found wrong, with blanks between; NULL for nothing", "fatal-only silent unstamped"},

	{"alert_log", "detected_at", unitTime, "as of when the symptom was found", "2026-05-01T12:00:00.000000Z"},
	{"alert_log", "host", unitText, "the host that has it", "lab-05"},
	{"alert_log", "symptom", unitText, "what is wrong with the host, in a word", "silent"},
	{"alert_log", "detail", unitText, "the figures that made it fire", "nothing accepted for 47 min, the last ship came at 2026-05-01T11:12:48.808687+00:00"},
	{"alert_log", "suggested_fix", unitText, "what to do next, and where", "on lab-05, look at `systemctl status cis490-shipper cis490-orchestrator`"},
	{"alert_log", "dedup_key", unitHex, "the same for a host, a symptom and an hour", "17605ba3e34c275a"},
	{"alert_log", "exported_at", unitTime, "when it was written to alerts.jsonl; NULL before", "2026-05-01T12:00:00.000000Z"},

	{"gap_log", "source", unitText, "which stream was not read: index, journal or journal-export", "journal"},
	{"gap_log", "from_at", unitTime, "since when it may be that facts are missing", "2026-05-01T11:59:12.107563Z"},
	{"gap_log", "to_at", unitTime, "until when", "2026-05-01T12:05:00.000000Z"},
	{"gap_log", "reason", unitText, "why, in a word", "source-unread"},
	{"gap_log", "detail", unitText, "why, in a sentence", "the journal could not be read to its end"},
	{"gap_log", "recovered_at", unitTime, "when a later pass has read it after all; NULL if none has", "2026-05-01T12:10:00.000000Z"},

	{"pass_log", "started_at", unitTime, "when the pass began, by the clock", "2026-05-01T12:00:00.031250Z"},
	{"pass_log", "finished_at", unitTime, "when it ended; NULL while it runs, or if it was killed", "2026-05-01T12:00:00.072500Z"},
	{"pass_log", "outcome", unitText, "ok, unread, interrupted, failed or unfinished", "ok"},
	{"pass_log", "error", unitText, "what was wrong; NULL for nothing", "index.jsonl: no such file or directory"},
	{"pass_log", "index_rows", unitCount, "new episodes", int64(5530)},
	{"pass_log", "journal_entries", unitCount, "entries of the journal that were read", int64(5617)},
	{"pass_log", "quarantined", unitCount, "lines that could not be read as facts", int64(0)},
	{"pass_log", "hosts", unitCount, "hosts that the detectors looked at", int64(8)},
	{"pass_log", "new_alerts", unitCount, "alerts that were not there before", int64(6)},

	{"quarantine_log", "seen_at", unitTime, "when the line was read", "2026-05-01T12:05:00.000000Z"},
	{"quarantine_log", "source", unitText, "the stream that it stood in", "index"},
	{"quarantine_log", "reason", unitText, "what it is that could not be read", "not-json"},
	{"quarantine_log", "position", unitBytes, "where in the source it begins", int64(688931)},
	{"quarantine_log", "length", unitBytes, "how long it is", int64(7)},
	{"quarantine_log", "head_hex", unitHex, "how it begins", "6E6F204A534F4E"},
	{"quarantine_log", "lines", unitCount, "all lines of that reason; only some are kept", int64(1)},
}
