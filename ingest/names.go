package ingest

import (
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/visible"
)

const (
	// maxNames is how many names are kept from one batch to the next. A batch has
	// at most twice as many new ones.
	maxNames = 10_000
	// maxNameBytes is how long the names of a batch may be in all: twice as long
	// as so many ordinary ones are.
	maxNameBytes = 2 << 20
)

// seriesNames gives each series of a file a small number, so that a row needs
// no strings of its own. The zero value is ready for use.
type seriesNames struct {
	ids   map[string]int32
	key   []byte
	list  []store.Series
	bytes int // of the names in list
}

// many tells whether there are more names than a batch may leave to the next.
func (n *seriesNames) many() bool { return len(n.list) > maxNames || n.bytes > maxNameBytes/2 }

// tooMany tells whether there are more names than a batch may have.
func (n *seriesNames) tooMany() bool { return len(n.list) > 2*maxNames || n.bytes > maxNameBytes }

// maxHost is the longest name of a host that package store accepts, in bytes.
const maxHost = 255

// id takes a commit of at most 255 bytes. A host's name that is too long is
// never kept, not even as a key.
func (n *seriesNames) id(host, commit []byte) int32 {
	if len(host) > maxHost {
		host = nil // package store refuses it as well
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

// hostNames gives each host of a journal a small number. The zero value is
// ready for use.
type hostNames struct {
	ids  map[string]int32
	list []string
}

// id keeps no name that is too long: a path may have 64 KiB, and a batch 20,000
// of them.
func (n *hostNames) id(host string) int32 {
	if len(host) > maxHost {
		host = "" // package store refuses it as well
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

// clientNames gives each client address a number for store.Put. Few clients send
// many lines, so each word is parsed once. The zero value is ready for use.
type clientNames struct {
	words map[string]int32 // the number of each word, 0 for one without an address
	list  []string         // the addresses; the number of one is its index plus one
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
