package ingest

import "testing"

func BenchmarkIndexRow(b *testing.B) {
	line := []byte(`{"host_id": "lab-49", "episode_id": "ep-b2221a58008a05a6", "received_at_wall": "2026-04-01T12:00:00.123456+00:00", "code_commit": "c386bbc4cd613e30d8f16adf91b7584a2265b1f5", "sha256": "1a2b8f1ff1fd42a29755d4c13a902931cd447e35b8b6d8fe442e3d437204e52d", "size_bytes": 42604684, "path": "/v/05b607d4bedc"}`)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, reason := parseIndexRow(line); reason != "" {
			b.Fatal(reason)
		}
	}
}

func BenchmarkMessage(b *testing.B) {
	for name, line := range map[string]string{
		"put":   `INFO:     10.0.0.17:50000 - "PUT /v1/episodes/lab-0017/ep-b2221a58008a05a6.tar.zst HTTP/1.1" 200 OK`,
		"get":   `INFO:     10.0.0.17:50000 - "GET /v1/health HTTP/1.1" 200 OK`,
		"other": `INFO:     stored ep-b2221a58008a05a6.tar.zst in 12 ms, 42604684 bytes`,
		"error": `ERROR:    Exception in ASGI application`,
		"json":  `{"level":"info","message":"stored ep-b2221a58008a05a6.tar.zst","ms":12,"bytes":42604684}`,
	} {
		b.Run(name, func(b *testing.B) {
			r := messageReader{say: func(errorLine) {}}
			from, text := origin{pid: []byte("77")}, []byte(line)
			for b.Loop() {
				r.message(from, text, false, func(outcome) {})
			}
		})
	}
}
