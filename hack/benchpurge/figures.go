package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// figure is one value, or why there is none.
type figure struct {
	value  float64
	absent string
}

func absentf(format string, args ...any) figure { return figure{absent: fmt.Sprintf(format, args...)} }

func (f figure) line(w io.Writer, name string, digits int) {
	if f.absent == "" && (math.IsNaN(f.value) || math.IsInf(f.value, 0)) {
		f.absent = "not measured"
	}
	if f.absent != "" {
		_, _ = fmt.Fprintf(w, "result %s absent: %s\n", name, strings.ReplaceAll(f.absent, "\n", " "))
		return
	}
	_, _ = fmt.Fprintf(w, "result %s %.*f\n", name, digits, f.value)
}

// peerOf is the best rate (median) of the contenders whose name begins so.
func (c *cell) peerOf(prefix string) (best float64, name string) {
	best = math.NaN()
	for _, n := range c.order {
		if m := median(c.rates[n]); strings.HasPrefix(n, prefix) && !(m <= best) {
			best, name = m, n
		}
	}
	return best, name
}

// versus compares the medians of a cell: ours (or our windows alone) and the best of some peers.
func (c *cell) versus(own, prefix string) float64 {
	best, _ := c.peerOf(prefix)
	return median(c.rates[own]) / best
}

// ratio is the mean of a store's cells.
func (r *results) ratio(store, own, prefix string) figure {
	var values []float64
	for _, c := range r.cells {
		if c.store != store {
			continue
		}
		v := c.versus(own, prefix)
		if math.IsNaN(v) {
			reason := c.peerAbsent
			if reason == "" {
				reason = "not measured"
			}
			return absentf("%s, %s: %s", store, c.workload, reason)
		}
		values = append(values, v)
	}
	if reason := r.absent[store]; reason != "" {
		return absentf("%s: %s", store, reason)
	}
	if len(values) == 0 {
		return absentf("%s was not measured", store)
	}
	return figure{value: geomean(values)}
}

// windowP99 is the time of the slowest hundredth of our windows, in the store where that is longest.
func (r *results) windowP99() figure {
	worst := absentf("no window was measured")
	for _, windows := range r.windows {
		if p99 := milliseconds(percentile(windows, 99)); worst.absent != "" || p99 > worst.value {
			worst = figure{value: p99}
		}
	}
	return worst
}

// largest is the memory of the purge of so many rows, in the store where that is most.
func (r *results) largest(rows int64) figure {
	most := absentf("no purge of %d rows was measured", rows)
	for _, one := range r.rss {
		switch {
		case one.rows != rows:
		case one.absent != "":
			return absentf("%s: %s", one.store, one.absent)
		case most.absent != "" || one.mib > most.value:
			most = figure{value: one.mib}
		}
	}
	return most
}

func (o oltp) figure(b besides) figure {
	if o.absent == "" && len(b.during) == 0 {
		o.absent = "not measured"
	}
	return figure{value: median(o.ratios(b)), absent: o.absent}
}

// tenMillion is the number of rows of the figure of memory.
const tenMillion = 10_000_000

// writeFigures ends the report: one line a figure that a target is set for.
func (r *results) writeFigures(w io.Writer) {
	r.ratio("mariadb", oursName, archiverName).line(w, "purge.mariadb.vs_pt_archiver_best", 2)
	r.ratio("mariadb", oursName, oneDelete).line(w, "purge.mariadb.vs_one_delete", 2)
	r.ratio("postgresql", countName, oneDelete).line(w, "purge.postgresql.count.vs_one_delete", 2)
	r.ratio("postgresql", oursName, oneDelete).line(w, "purge.postgresql.digest.vs_one_delete", 2)
	r.windowP99().line(w, "purge.tx_p99_ms", 1)
	r.oltp.figure(r.oltp.usual).line(w, "purge.oltp_p99_vs_idle", 2)
	r.oltp.figure(r.oltp.never).line(w, "purge.oltp_p99_vs_idle.never_yields", 2)
	r.largest(tenMillion).line(w, "purge.rss_mib_10m_rows", 1)
	r.bestPods().line(w, "purge.two_pods_vs_one", 2)
}

// stores that have cells, in their order.
func (r *results) stores() (names []string) {
	for _, c := range r.cells {
		if !slices.Contains(names, c.store) {
			names = append(names, c.store)
		}
	}
	return names
}
