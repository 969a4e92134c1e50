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
