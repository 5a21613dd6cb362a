package main

import (
	"fmt"
	"io"
)

// writeFigures ends the report: one line a figure that a target is set for. What could not be measured is absent, with the reason.
func (r *report) writeFigures(w io.Writer) {
	if len(r.cells) > 0 {
		for _, name := range []string{"nginx", "haproxy", "caddy"} {
			value, why := r.passthroughRatio(name)
			figure(w, "gateway.passthrough.cpu_vs_"+name, value, 2, why)
		}
		value, why := r.fullRatio()
		figure(w, "gateway.full.cpu_vs_nginx_passthrough", value, 2, why)
	}
	if r.resident {
		m := r.memory[gatewayName]
		figure(w, "gateway.idle_rss_mib", m.idle, 1, m.absent)
		figure(w, "gateway.rss_1000conns_mib", m.held, 1, m.absent)
	}
	if r.micro {
		figure(w, "minimize.json_1700b_us", median(r.minimize), 1, r.minimizeAbsent)
	}
}

func figure(w io.Writer, name string, value float64, digits int, absent string) {
	if absent != "" {
		_, _ = fmt.Fprintf(w, "result %s absent: %s\n", name, absent)
		return
	}
	_, _ = fmt.Fprintf(w, "result %s %.*f\n", name, digits, value)
}

// passthroughRatio compares one GET of 1 KB and one POST of 1.7 KB together, each with the token, at 32 connections.
func (r *report) passthroughRatio(peer string) (value float64, absent string) {
	get, post := cell{passthrough, getSmall, 32}, cell{passthrough, postSmall, 32}
	own, absent := r.sum(gatewayName, get, post)
	if absent != "" {
		return 0, absent
	}
	other, absent := r.sum(peer, get, post)
	return median(ratios(own, other)), absent
}

// fullRatio compares a POST of 1.7 KB with token, minimization and access log to nginx that only adds the token.
func (r *report) fullRatio() (value float64, absent string) {
	c := cell{full, postSmall, 32}
	own, absent := r.sum(gatewayName, c)
	if absent != "" {
		return 0, absent
	}
	nginx, absent := r.sum("nginx", c) // which ran in mode token
	return median(ratios(own, nginx)), absent
}

// sum is the processor time of one request in each of some cells, by repetition.
func (r *report) sum(proxy string, cells ...cell) (values []float64, absent string) {
	values = make([]float64, r.reps)
	for _, c := range cells {
		s := r.results.of(c.key(), proxy)
		cpu := s.figures(cpuOf)
		switch {
		case s.absent != "":
			return nil, proxy + ", " + c.key() + ": " + s.absent
		case len(cpu) < r.reps:
			return nil, proxy + ", " + c.key() + ": not measured"
		}
		for i, v := range cpu {
			values[i] += v
		}
	}
	return values, ""
}
