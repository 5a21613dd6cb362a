package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Names of contenders.
const (
	oneDelete = "one DELETE"
	doLoop    = "DO loop"
	ctidAny   = "ctid = ANY"
)

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// grid is a table of Markdown, padded so that it can be read as it is.
type grid [][]string

func (g grid) write(w io.Writer) {
	widths := make([]int, len(g[0]))
	for _, row := range g {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for at, row := range g {
		for i, text := range row {
			_, _ = fmt.Fprintf(w, "| %s%s ", text, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)))
		}
		_, _ = fmt.Fprintln(w, "|")
		if at == 0 {
			for _, width := range widths {
				_, _ = fmt.Fprint(w, "|", strings.Repeat("-", width+2))
			}
			_, _ = fmt.Fprintln(w, "|")
		}
	}
}

func (b *bench) write(w io.Writer, r *results) {
	b.writeSetting(w, r)
	r.writeRates(w)
	r.writeRatios(w)
	r.writeShares(w)
	r.writeWindows(w)
	b.writeOLTP(w, r.oltp)
	b.writePods(w, r)
	r.writeResident(w)
	_, _ = fmt.Fprintln(w)
	r.writeFigures(w)
}

func (b *bench) writeSetting(w io.Writer, r *results) {
	_, _ = fmt.Fprintf(w, "%d repetitions, contenders in turn, %d rows, half of them due, 1 of 100 held. Median (least..greatest).\n", b.reps, b.rows)
	_, _ = fmt.Fprintf(w, "Load of the machine before: %s; after: %s.\n", b.loadBefore, loadAverage())
	for _, v := range b.versions {
		_, _ = fmt.Fprintln(w, "- "+v)
	}
	for name, note := range r.lagNote {
		if note != "" {
			_, _ = fmt.Fprintf(w, "- %s: the lag check asks the store, which answers %q; that counts as in time, since the benchmark has no replicas\n", name, note)
		}
	}
	for name, reason := range r.absent {
		_, _ = fmt.Fprintf(w, "- %s: absent: %s\n", name, reason)
	}
}

// writeRates lists what was measured. Ours is the whole run, with connecting, plan, counts before and verification after, which no peer does.
func (r *results) writeRates(w io.Writer) {
	_, _ = fmt.Fprint(w, "\nThousands of deleted rows a second. All contenders leave the same rows, which is checked after each. carrier is a whole run, with\n"+
		"the checks and counts before and the verification after; the line below it has its windows alone, as peers do nothing else."+
		" With counts alone, evidence has no digest of keys.\n"+
		"CPU is the processor time of server and client for a million rows, with that of starting the client.\n\n")
	g := grid{{"store", "workload", "rows deleted", "contender", "krows/s", "× one DELETE", "CPU s"}}
	for _, c := range r.cells {
		one, _ := c.peerOf(oneDelete)
		for _, name := range c.order {
			g = append(g, []string{c.store, c.workload, fmt.Sprint(c.deleted), name, spread(scaled(c.rates[name], 1e-3), 1), fmt.Sprintf("%.2f", median(c.rates[name])/one), spread(c.cpu[name], 2)})
			if own := c.rates[name+onlyWindows]; len(own) > 0 {
				g = append(g, []string{c.store, c.workload, fmt.Sprint(c.deleted), name + onlyWindows, spread(scaled(own, 1e-3), 1), fmt.Sprintf("%.2f", median(own)/one), ""})
			}
		}
		if c.peerAbsent != "" {
			g = append(g, []string{c.store, c.workload, "", "absent: " + c.peerAbsent, "", "", ""})
		}
	}
	g.write(w)
}

// writeRatios lists the means over workloads, also of the windows alone and of peers that no target is set for.
func (r *results) writeRatios(w io.Writer) {
	_, _ = fmt.Fprint(w, "\nThroughput of carrier to a peer's, geometric mean over the workloads:\n\n")
	g := grid{{"store", "peer", "whole run", "windows alone", "counts alone, whole run", "its windows alone"}}
	peers := map[string][]string{"mariadb": {archiverName, oneDelete}, "postgresql": {oneDelete, doLoop, ctidAny}}
	for _, store := range r.stores() {
		for _, peer := range peers[store] {
			name := peer
			if peer == archiverName {
				name = "pt-archiver, the better limit"
			}
			g = append(g, []string{store, name, r.ratio(store, oursName, peer).text(), r.ratio(store, oursName+onlyWindows, peer).text(),
				r.ratio(store, countName, peer).text(), r.ratio(store, countName+onlyWindows, peer).text()})
		}
	}
	g.write(w)
}

func (f figure) text() string {
	if f.absent != "" {
		return "absent: " + f.absent
	}
	return fmt.Sprintf("%.2f", f.value)
}

// writeShares says what a whole run spends its time on.
func (r *results) writeShares(w io.Writer) {
	_, _ = fmt.Fprint(w, "\nWhere the time of a whole run of carrier goes, in percent; counting is for plan, references and verification:\n\n")
	g := grid{{"store", "workload", "connecting", "inspecting", "counting", "windows"}}
	for _, c := range r.cells {
		g = append(g, []string{c.store, c.workload, spread(c.opening, 0), spread(c.inspecting, 0), spread(c.counting, 0), spread(c.windows, 0)})
	}
	g.write(w)
}

func (r *results) writeWindows(w io.Writer) {
	_, _ = fmt.Fprintf(w, "\nTransactions of carrier, with the question where they end (target %d ms), all repetitions of all workloads together:\n\n", targetMilliseconds)
	g := grid{{"store", "transactions", "median size", "p50 ms", "p99 ms", "longest ms"}}
	for _, store := range r.stores() {
		windows := r.windows[store]
		g = append(g, []string{store, fmt.Sprint(len(windows)), fmt.Sprintf("%.0f", median(r.sizes[store])), fmt.Sprintf("%.1f", milliseconds(percentile(windows, 50))),
			fmt.Sprintf("%.1f", milliseconds(percentile(windows, 99))), fmt.Sprintf("%.1f", milliseconds(percentile(windows, 100)))})
	}
	g.write(w)
}

func (b *bench) writeOLTP(w io.Writer, o oltp) {
	if len(o.usual.during) == 0 {
		return
	}
	_, _ = fmt.Fprintf(w, "\npgbench at %d transactions/s, p99 alone %s ms; beside a purge of %d rows, half of them due:\n\n", oltpRate, spread(o.idle, 2), b.oltpRows)
	g := grid{{"throttle", "p99 ms", "× alone", "purge took s"}}
	for _, line := range []struct {
		throttle string
		besides
	}{
		{"defaults: yields to others", o.usual},
		{"yield: Never", o.never},
	} {
		g = append(g, []string{line.throttle, spread(line.during, 2), spread(o.ratios(line.besides), 2), spread(line.purging, 1)})
	}
	g.write(w)
}

func (r *results) writeResident(w io.Writer) {
	if len(r.rss) == 0 {
		return
	}
	_, _ = fmt.Fprint(w, "\nLargest resident memory of a process that purges a narrow table, and does nothing else:\n\n")
	g := grid{{"store", "rows", "MiB"}}
	for _, one := range r.rss {
		text := fmt.Sprintf("%.1f", one.mib)
		if one.absent != "" {
			text = "absent: " + one.absent
		}
		g = append(g, []string{one.store, fmt.Sprint(one.rows), text})
	}
	g.write(w)
}
