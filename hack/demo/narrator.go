package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/test/e2e/lab"
	"github.com/carrier-operator/carrier-operator/test/e2e/story"
)

// narrator tells a person what happens, while it happens.
type narrator struct {
	out      io.Writer
	terminal bool
	results  []result
}

type result struct {
	name, seen string
	err        error
}

func newNarrator(out *os.File) *narrator {
	info, err := out.Stat()
	return &narrator{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// step runs one step under its title, with a running clock on a terminal.
func (n *narrator) step(title string, run func() error) error {
	fmt.Fprintf(n.out, "\n%s\n", title)
	return n.timed("", run)
}

// timed runs work and says how long it took. On a terminal the time runs along while nothing else is printed.
func (n *narrator) timed(label string, run func() error) error {
	start := time.Now()
	done := make(chan error, 1)
	go func() { done <- run() }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			mark := "ok"
			if err != nil {
				mark = "FAILED"
			}
			n.clear()
			fmt.Fprintf(n.out, "  %-6s %s%s\n", mark, label, since(start))
			return err
		case <-tick.C:
			if n.terminal {
				fmt.Fprintf(n.out, "\r  ...    %s%s ", label, since(start))
			}
		}
	}
}

func since(start time.Time) string {
	return time.Since(start).Round(time.Second).String()
}

func (n *narrator) clear() {
	if n.terminal {
		fmt.Fprint(n.out, "\r\033[K")
	}
}

// progress is where long steps write; their lines are indented.
func (n *narrator) progress() io.Writer { return &indenter{n: n} }

type indenter struct {
	n    *narrator
	rest []byte
}

func (w *indenter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		w.rest = rest
		w.n.clear()
		if _, err := fmt.Fprintf(w.n.out, "         %s\n", line); err != nil {
			return 0, err
		}
	}
}

// checks performs the checks one after the other and says whether all passed.
func (n *narrator) checks(ctx context.Context, checks []story.Check) bool {
	fmt.Fprintf(n.out, "\nChecks, each performed on the running cluster\n")
	all := true
	for _, check := range checks {
		r := result{name: check.Name}
		r.err = n.timed(check.Name+"  ", func() (err error) {
			r.seen, err = check.Run(ctx)
			return err
		})
		if r.err != nil {
			fmt.Fprintf(n.out, "         %v\n", r.err)
			all = false
		}
		n.results = append(n.results, r)
	}
	return all
}

// farewell tells what to play with.
func (n *narrator) farewell(l *lab.Lab) {
	fmt.Fprintf(n.out, "\nThe cluster keeps running. To look around:\n\n"+
		"  eval \"$(make -s cluster-env CLUSTER=%s)\"\n"+
		"  kubectl get carriers -n %s\n"+
		"  kubectl describe carrierintegration ups -n %s\n\n"+
		"`make demo-down` removes it.\n", l.Name, story.Namespace, story.Namespace)
}

// table prints the result of every check and, as the last line, their number. It returns whether all passed.
func (n *narrator) table() bool {
	width, passed := 0, 0
	for _, r := range n.results {
		width = max(width, len(r.name))
	}
	fmt.Fprintf(n.out, "\n%-6s  %-*s  %s\n%s\n", "RESULT", width, "CHECK", "SEEN", strings.Repeat("-", width+60))
	for _, r := range n.results {
		mark, seen := "passed", r.seen
		if r.err != nil {
			mark, seen = "FAILED", firstLine(r.err.Error())
		} else {
			passed++
		}
		for i, part := range wrap(seen, 90) {
			if i > 0 {
				mark, r.name = "", ""
			}
			fmt.Fprintf(n.out, "%-6s  %-*s  %s\n", mark, width, r.name, part)
		}
	}
	fmt.Fprintf(n.out, "\ndemo: %d checks, %d passed\n", len(n.results), passed)
	return passed == len(n.results) && passed > 0
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// wrap breaks text between words into lines of at most width characters, longer words excepted.
func wrap(text string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
