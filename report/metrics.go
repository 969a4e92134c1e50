package report

import (
	"fmt"
	"io"

	"github.com/cis490/fleet-health/store"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// MetricsOptions tell what the metrics depend on besides the database.
type MetricsOptions struct {
	Silences   []string // those of FleetOptions
	Outages    []string // those of FleetOptions
	Symptoms   []string // all that an incident can have: a symptom without an incident has the value 0
	IndexBytes int64    // the size of the index, negative if it is not known
	Version    string   // of the program
}

// maxMetricHosts limits the hosts that have metrics of their own: each has six series in
// Prometheus.
const maxMetricHosts = 1000

// Metrics writes the state of the fleet at a time in microseconds, and the health of the
// program itself, in the text format of Prometheus.
func Metrics(tx *store.Tx, out io.Writer, now int64, o MetricsOptions) error {
	var c collector
	c.gauge(buildInfo, 1, o.Version)
	for _, part := range []func(*store.Tx, int64, MetricsOptions) error{c.fleet, c.passes, c.sources, c.gaps, c.database} {
		if err := part(tx, now, o); err != nil {
			return err
		}
	}
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(&c); err != nil {
		return err
	}
	families, err := registry.Gather()
	if err != nil {
		return err
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(out, family); err != nil {
			return err
		}
	}
	return nil
}

// collector has the metrics of one moment.
type collector []prometheus.Metric

// Describe sends the description of every metric.
func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect sends every metric.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, m := range *c {
		ch <- m
	}
}

// gauge adds a metric. Its labels may come from a lab host.
func (c *collector) gauge(desc *prometheus.Desc, value float64, labels ...string) {
	for i, label := range labels {
		labels[i] = Cell(label)
	}
	m, err := prometheus.NewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(desc, err)
	}
	*c = append(*c, m)
}

// at adds a time in microseconds.
func (c *collector) at(desc *prometheus.Desc, us int64, labels ...string) {
	c.gauge(desc, float64(us)/float64(store.Second), labels...)
}

func (c *collector) passes(tx *store.Tx, _ int64, _ MetricsOptions) error {
	last, _, err := tx.LastPass()
	if err != nil {
		return err
	}
	good, _, err := tx.LastGood()
	if err != nil {
		return err
	}
	c.at(lastPass, last.AsOf)
	c.at(lastSuccess, good.AsOf)
	held, err := tx.HeldBack()
	for _, h := range held {
		c.at(heldBackSince, h.Since, h.Symptom)
	}
	return err
}

// sources adds the position in each source.
func (c *collector) sources(tx *store.Tx, _ int64, o MetricsOptions) error {
	cursors, err := tx.Cursors()
	for _, s := range cursors {
		if s.NewestAt.Valid {
			c.at(sourceNewest, s.NewestAt.Int64, s.Stream)
		}
		if s.Stream == store.StreamIndex && s.Offset.Valid && o.IndexBytes >= 0 {
			// An index that is shorter than the position was replaced: all of it is unread.
			unread := o.IndexBytes - s.Offset.Int64
			if unread < 0 {
				unread = o.IndexBytes
			}
			c.gauge(sourceUnread, float64(unread), s.Stream)
		}
	}
	return err
}

// gaps adds the gaps that hide facts, by source and reason.
func (c *collector) gaps(tx *store.Tx, now int64, _ MetricsOptions) error {
	gaps, err := tx.Gaps(0, now)
	if err != nil {
		return err
	}
	type key struct{ stream, reason string }
	open, end := map[key]int{}, map[key]int64{}
	for _, g := range gaps {
		if g.RecoveredAt.Valid {
			continue
		}
		if g.To > now {
			g.To = g.From // as in blind: the gap was stored while the clock was ahead
		}
		k := key{g.Stream, g.Reason}
		open[k]++
		end[k] = max(end[k], g.To)
	}
	for k, n := range open {
		c.gauge(openGaps, float64(n), k.stream, k.reason)
		c.at(gapEnd, end[k], k.stream, k.reason)
	}
	return nil
}

func (c *collector) database(tx *store.Tx, _ int64, _ MetricsOptions) error {
	s, err := tx.Status()
	c.gauge(databaseSize, float64(s.DatabaseBytes))
	return err
}

// desc describes a metric of this program.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(fmt.Sprintf("fleet_health_%s", name), help, labels, nil)
}
