package cli

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/store"
)

// maxFloods is the number of hosts that the line about floods names.
const maxFloods = 5

// sayFloods warns in one line of the hosts whose PUTs or rejections were over quota, but
// only once for each host and hour.
func sayFloods(log *slog.Logger, floods []store.Flood) {
	type hostHour struct {
		host string
		hour int64
	}
	facts, first := map[hostHour]int{}, map[hostHour]bool{}
	for _, f := range floods {
		key := hostHour{f.Host, f.Hour}
		facts[key] += f.Facts
		first[key] = first[key] || f.First
	}
	byHost, total := map[string]int{}, 0
	for key, n := range facts {
		if first[key] {
			byHost[key.host] += n
			total += n
		}
	}
	if total == 0 {
		return
	}
	var hosts []string
	for host := range byHost {
		hosts = append(hosts, host)
	}
	slices.SortFunc(hosts, func(a, b string) int { return cmp.Or(byHost[b]-byHost[a], cmp.Compare(a, b)) })
	var said []string
	for _, host := range hosts[:min(len(hosts), maxFloods)] {
		name := cell(host)
		if host == "" {
			name = "names that never shipped"
		}
		said = append(said, fmt.Sprintf("%s %d", name, byHost[host]))
	}
	if more := len(hosts) - len(said); more > 0 {
		said = append(said, fmt.Sprintf("and %d more host(s)", more))
	}
	log.Warn(fmt.Sprintf("%d PUTs or rejections beyond %d a minute were counted without a row of their own (%s): see surplus_log",
		total, store.RowsPerMinute, strings.Join(said, ", ")))
}
