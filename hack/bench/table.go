package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// table is a Markdown table whose columns are padded, so that it can also be read as it is.
type table struct {
	header []string
	rows   [][]string
}

func (t *table) add(row ...string) { t.rows = append(t.rows, row) }

func (t *table) write(w io.Writer) {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	line := func(row []string) {
		for i, width := range widths {
			text := ""
			if i < len(row) {
				text = row[i]
			}
			_, _ = fmt.Fprintf(w, "| %s%s ", text, strings.Repeat(" ", width-utf8.RuneCountInString(text)))
		}
		_, _ = fmt.Fprintln(w, "|")
	}
	line(t.header)
	for _, width := range widths {
		_, _ = fmt.Fprint(w, "|", strings.Repeat("-", width+2))
	}
	_, _ = fmt.Fprintln(w, "|")
	for _, row := range t.rows {
		line(row)
	}
}

// report is all that a run has found out.
type report struct {
	*environment
	cells    []cell
	results  results
	memory   map[string]memory
	minimize []float64
	// minimizeAbsent is why there is no figure of it.
	minimizeAbsent string
	loadBefore     string
	loadAfter      string
}

func (r *report) write(w io.Writer) {
	r.writeSetting(w)
	if len(r.cells) > 0 {
		r.writeCPU(w)
	}
	if r.latency {
		r.writeLatency(w)
	}
	if r.resident {
		r.writeMemory(w)
	}
	if r.micro && r.minimizeAbsent == "" {
		_, _ = fmt.Fprintf(w, "\nMinimization of 1.7 KB of JSON alone (internal/minimize, BenchmarkJSON1700B): %.1f µs ± %.1f of processor time.\n",
			median(r.minimize), mad(r.minimize))
	}
	_, _ = fmt.Fprintln(w)
	r.writeFigures(w)
}

func (r *report) writeSetting(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%d repetitions of %s each, proxies in turn, median ± MAD. Proxy on core %d, carrier and load on core %d.\n",
		r.reps, r.measured, r.proxyCore, r.loadCore)
	_, _ = fmt.Fprintf(w, "Load of the machine before: %s; after: %s.\n", r.loadBefore, r.loadAfter)
	for _, p := range r.peers {
		state := p.version
		if p.absent != "" {
			state = "absent: " + p.absent
		}
		_, _ = fmt.Fprintf(w, "- %s: %s\n", p.name, state)
	}
}

// writeCPU compares with nginx in the same cell.
func (r *report) writeCPU(w io.Writer) {
	_, _ = fmt.Fprint(w, "\nProcessor time of the proxy for a request, closed loop (c: connections, each with one request at a time). Modes:\n\n")
	for _, m := range allModes {
		_, _ = fmt.Fprintf(w, "- %s: %s\n", m.key, m.name)
	}
	_, _ = fmt.Fprintln(w)
	t := table{header: []string{"mode", "request", "c", "proxy", "CPU µs/request", "× nginx", "core %", "others %", "requests/s", "p50 µs", "p99 µs"}}
	for _, c := range r.cells {
		for _, p := range r.peers {
			does, takesPart := c.mode.of(p)
			if !takesPart {
				continue
			}
			name := p.name
			if does != c.mode {
				name += " in mode " + does.key
			}
			s := r.results.of(c.key(), p.name)
			row := []string{c.mode.key, c.workload.name, itoa(c.clients), name}
			if len(s.samples) == 0 || s.absent != "" {
				t.add(append(row, "absent: "+s.absent)...)
				continue
			}
			cpu := s.figures(cpuOf)
			ratio := median(ratios(cpu, r.results.of(c.key(), "nginx").figures(cpuOf)))
			t.add(append(row, fmt.Sprintf("%.1f ± %.1f", median(cpu), mad(cpu)), number(ratio, 2),
				number(100*median(s.figures(busyOf)), 0), number(100*median(s.figures(othersOf)), 0), number(median(s.figures(rateOf)), 0),
				number(median(s.figures(p50Of)), 0), number(median(s.figures(p99Of)), 0))...)
		}
	}
	t.write(w)
}

func (r *report) writeLatency(w io.Writer) {
	_, _ = fmt.Fprintf(w, "\nTime of an answer at a fixed rate of %d requests/s, counted from the moment at which the request was due (mode token):\n\n", r.rate)
	t := table{header: []string{"request", "proxy", "p50 µs", "added", "p99 µs", "added", "answers/s", "others %"}}
	for _, c := range latencyCells {
		direct := r.results.of("rate/"+c.workload.key, directName)
		names := []string{directName}
		for _, p := range r.peers {
			names = append(names, p.name)
		}
		for _, name := range names {
			s := r.results.of("rate/"+c.workload.key, name)
			if s.absent != "" || len(s.samples) == 0 {
				t.add(c.workload.name, name, "absent: "+s.absent)
				continue
			}
			p50, p99 := s.figures(p50Of), s.figures(p99Of)
			t.add(c.workload.name, name, fmt.Sprintf("%.0f ± %.0f", median(p50), mad(p50)), number(median(p50)-median(direct.figures(p50Of)), 0),
				fmt.Sprintf("%.0f ± %.0f", median(p99), mad(p99)), number(median(p99)-median(direct.figures(p99Of)), 0), number(median(s.figures(rateOf)), 0),
				number(100*median(s.figures(othersOf)), 0))
		}
	}
	t.write(w)
}

func (r *report) writeMemory(w io.Writer) {
	_, _ = fmt.Fprintf(w, "\nResident memory in MiB, mutual TLS with clients (gateway: all features on):\n\n")
	t := table{header: []string{"proxy", "idle", fmt.Sprintf("%d connections held", openConnections), "all of them busy"}}
	for _, p := range r.peers {
		m := r.memory[p.name]
		if m.absent != "" {
			t.add(p.name, "absent: "+m.absent)
			continue
		}
		t.add(p.name, number(m.idle, 1), number(m.held, 1), number(m.loaded, 1))
	}
	t.write(w)
}

// number is a figure, or a dash where there is none.
func number(v float64, digits int) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, v)
}
