package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// putsFrom returns a batch of a host's PUTs, one from each address.
func putsFrom(source int64, host string, at int64, clients ...string) *store.Batch {
	b := &store.Batch{Source: source, Now: now, State: "{}", Hosts: []string{host}, Clients: clients}
	for i := range clients {
		b.Puts = append(b.Puts, store.Put{At: at, CursorHash: uint64(i), Status: 200, Client: int32(i) + 1})
	}
	return b
}

func clientsOf(t *testing.T, s *store.Store, host string, from, to int64) (list []string) {
	t.Helper()
	err := s.View(t.Context(), func(tx *store.Tx) error {
		id, err := tx.HostID(host)
		if err != nil {
			return err
		}
		clients, err := tx.Clients(id, from/store.Hour, to/store.Hour)
		for _, c := range clients {
			list = append(list, fmt.Sprint((now/store.Hour)-c.Hour, " ", c.Client))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTheAddressesOfPutsAreKept(t *testing.T) {
	t.Parallel()
	const hour = store.Hour
	many := []string{"9", "3", "5", "1", "7", "8", "2", "6", "4", "a"}
	for _, c := range []struct {
		name    string
		batches func(source int64) []*store.Batch
		want    []string // hours ago, and address
	}{
		{"one of an hour, however often", func(s int64) []*store.Batch {
			return []*store.Batch{putsFrom(s, "a", now, "10.0.0.5", "10.0.0.5"), putsFrom(s, "a", now+1, "10.0.0.5")}
		}, []string{"0 10.0.0.5"}},
		{"two of an hour", func(s int64) []*store.Batch {
			return []*store.Batch{putsFrom(s, "a", now, "10.0.0.9"), putsFrom(s, "a", now, "10.0.0.5")}
		}, []string{"0 10.0.0.5", "0 10.0.0.9"}},
		{"of two hours, the earlier one first", func(s int64) []*store.Batch {
			return []*store.Batch{putsFrom(s, "a", now, "10.0.0.5"), putsFrom(s, "a", now-hour, "10.0.0.9")}
		}, []string{"1 10.0.0.9", "0 10.0.0.5"}},
		{"not those of another host", func(s int64) []*store.Batch {
			return []*store.Batch{putsFrom(s, "a", now, "10.0.0.5"), putsFrom(s, "b", now, "10.0.0.9")}
		}, []string{"0 10.0.0.5"}},
		{"not those that are old, or of a time to come", func(s int64) []*store.Batch {
			return []*store.Batch{putsFrom(s, "a", now-store.ClientsKept-1, "1"), putsFrom(s, "a", now-store.ClientsKept, "2"),
				putsFrom(s, "a", now+store.FutureTolerance+1, "3")}
		}, []string{"48 2"}},
		{"the first eight of many, and that there were more", func(s int64) []*store.Batch {
			return []*store.Batch{putsFrom(s, "a", now, many...)}
		}, []string{"0 1", "0 2", "0 3", "0 5", "0 6", "0 7", "0 8", "0 9", "0 "}},
		{"the same eight if they come one after the other", func(s int64) (list []*store.Batch) {
			for i, client := range many {
				list = append(list, putsFrom(s, "a", now+int64(i), client))
			}
			return list
		}, []string{"0 1", "0 2", "0 3", "0 5", "0 6", "0 7", "0 8", "0 9", "0 "}},
		{"eight are not too many", func(s int64) []*store.Batch {
			return []*store.Batch{putsFrom(s, "a", now, many[:8]...)}
		}, []string{"0 1", "0 2", "0 3", "0 5", "0 6", "0 7", "0 8", "0 9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, _ := mustOpen(t)
			source := mustSource(t, s, store.StreamJournal)
			for _, turn := range []string{"read once", "read again", "read again, backward"} {
				batches := c.batches(source)
				if turn == "read again, backward" {
					slices.Reverse(batches)
				}
				for _, b := range batches {
					mustSave(t, s, b)
				}
				if diff := cmp.Diff(c.want, clientsOf(t, s, "a", 0, now+hour)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", turn, diff)
				}
			}
		})
	}
}

func TestTheAddressesOfPutsAreForgotten(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	source := mustSource(t, s, store.StreamJournal)
	for ago := range int64(40) {
		mustSave(t, s, putsFrom(source, "a", now-ago*store.Hour, "10.0.0.5"))
	}
	err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.ForgetClients(now - 2*store.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2 10.0.0.5", "1 10.0.0.5", "0 10.0.0.5"}, clientsOf(t, s, "a", 0, now)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1 10.0.0.5"}, clientsOf(t, s, "a", now-store.Hour, now-store.Hour)); diff != "" {
		t.Errorf("of one hour (-want +got):\n%s", diff)
	}
}
