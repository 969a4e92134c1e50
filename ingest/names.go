package ingest

import (
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/visible"
)

const (
	// maxNames is how many names one batch may leave to the next. A batch has at most
	// twice as many.
	maxNames = 10_000
	// maxNameBytes bounds the names of a batch, in bytes: twice the total of maxNames
	// ordinary names.
	maxNameBytes = 1 << 20
)

// seriesNames gives each series of a file a small number, so that rows need no strings.
// The zero value is ready to use.
type seriesNames struct {
	ids   map[string]int32
	key   []byte
	list  []store.Series
	bytes int // total length of the names in list
}

// many reports whether there are too many names to leave to the next batch.
func (n *seriesNames) many() bool { return len(n.list) > maxNames || n.bytes > maxNameBytes/2 }

// tooMany reports whether there are too many names for one batch.
func (n *seriesNames) tooMany() bool { return len(n.list) > 2*maxNames || n.bytes > maxNameBytes }

// maxHost is the length of the longest host name that package store accepts, in bytes.
const maxHost = 255

// id returns the number of a series. commit has at most 255 bytes. id never keeps a
// host name that is too long, not even as a key.
func (n *seriesNames) id(host, commit []byte) int32 {
	if len(host) > maxHost {
		host = nil // package store refuses it, too
	}
	n.key = append(append(append(n.key[:0], byte(len(commit))), commit...), host...)
	id, ok := n.ids[string(n.key)]
	if !ok {
		if n.ids == nil {
			n.ids = map[string]int32{}
		}
		id = int32(len(n.list))
		n.ids[string(n.key)] = id
		n.bytes += len(n.key)
		n.list = append(n.list, store.Series{Host: string(host), Commit: visible.EscapeUpTo(string(commit), maxCommit)})
	}
	return id
}

// hostNames gives each host of a journal a small number. The zero value is ready to use.
type hostNames struct {
	ids  map[string]int32
	list []string
}

// id returns the number of a host. It keeps no name that is too long: a path may have
// 64 KiB, and a batch 20,000 paths.
func (n *hostNames) id(host string) int32 {
	if len(host) > maxHost {
		host = "" // package store refuses it, too
	}
	id, ok := n.ids[host]
	if !ok {
		if n.ids == nil {
			n.ids = map[string]int32{}
		}
		id = int32(len(n.list))
		n.ids[host] = id
		n.list = append(n.list, host)
	}
	return id
}

// clientNames gives each client address a number for store.Put. It parses each word only
// once, because few clients send many lines. The zero value is ready to use.
type clientNames struct {
	words map[string]int32 // the number of each word; 0 for one without an address
	list  []string         // addresses; the number of one is its index plus one
}

func (n *clientNames) id(word []byte) int32 {
	id, ok := n.words[string(word)]
	if ok || len(word) == 0 || len(word) > maxHost {
		return id
	}
	if address := clientAddress(word); address != "" {
		n.list = append(n.list, address)
		id = int32(len(n.list))
	}
	if n.words == nil {
		n.words = map[string]int32{}
	}
	n.words[string(word)] = id
	return id
}
