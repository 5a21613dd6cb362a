package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// event is one line of `go test -json` (go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

type testID struct{ pkg, test string }

// report counts results and keeps the output of each test until it is known whether anyone wants to read it.
type report struct {
	out    io.Writer
	name   string
	stream bool

	passed, failed, skipped int
	goTestFailed            bool // the go command said that something failed, counted here or not

	output  map[testID]*strings.Builder
	parents map[testID]bool // tests with subtests: their subtests are counted instead
	badly   map[testID]bool // tests of which a subtest failed
	counts  map[string]int  // tests counted per package
	failing map[string]bool // packages with a counted failure
	brief   []string        // each failed test and what it said first, to read at the end of a long log
}

func newReport(out io.Writer, name string, stream bool) *report {
	return &report{
		out: out, name: name, stream: stream,
		output: map[testID]*strings.Builder{}, parents: map[testID]bool{}, badly: map[testID]bool{},
		counts: map[string]int{}, failing: map[string]bool{},
	}
}

func (r *report) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(r.out, "%s", line) // not an event: the go command itself speaks
			} else {
				r.event(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the test events: %w", err)
		}
	}
}

func (r *report) event(e event) {
	id := testID{e.Package, e.Test}
	if e.Action == "build-output" || e.Action == "build-fail" {
		id = testID{pkg: e.ImportPath}
	}
	switch e.Action {
	case "run":
		if parent, ok := parentOf(id); ok {
			r.parents[parent] = true
		}
	case "output", "build-output":
		r.keep(id, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.packageDone(e)
		} else {
			r.testDone(id, e)
		}
	}
}

func (r *report) keep(id testID, text string) {
	if r.stream && id.test != "" {
		fmt.Fprint(r.out, text)
	}
	if r.output[id] == nil {
		r.output[id] = &strings.Builder{}
	}
	r.output[id].WriteString(text)
}

func (r *report) testDone(id testID, e event) {
	text := ""
	if kept := r.output[id]; kept != nil {
		text = kept.String()
	}
	delete(r.output, id)
	parent, isSubtest := parentOf(id)
	if e.Action == "fail" {
		if isSubtest {
			r.badly[parent] = true
		}
		if !r.stream {
			fmt.Fprintf(r.out, "\n%s", text)
		}
		r.failing[id.pkg] = true
	}
	// A parent is only the sum of its subtests, unless it failed by itself.
	if r.parents[id] && (e.Action != "fail" || r.badly[id]) {
		return
	}
	r.counts[id.pkg]++
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		r.brief = append(r.brief, fmt.Sprintf("failed: %s %s: %.400s", id.pkg, id.test, reasonOf(text)))
	case "skip":
		r.skipped++
		fmt.Fprintf(r.out, "skipped: %s %s: %s\n", id.pkg, id.test, reasonOf(text))
	}
}

func (r *report) packageDone(e event) {
	id := testID{pkg: e.Package}
	// Without a failed test, the package itself failed: it does not build, panicked outside of a test, or ran out of time.
	if e.Action == "fail" {
		if !r.failing[e.Package] {
			r.failed++
		}
		r.printRest(e.FailedBuild)
		r.printRest(e.Package)
		fmt.Fprintf(r.out, "FAIL  %s  %d tests, %.1f s\n", e.Package, r.counts[e.Package], e.Elapsed)
	} else if r.counts[e.Package] > 0 {
		fmt.Fprintf(r.out, "ok    %s  %d tests, %.1f s\n", e.Package, r.counts[e.Package], e.Elapsed)
	}
	delete(r.output, id)
}

// printRest prints the output of a package, and of its tests that never came to an end.
func (r *report) printRest(pkg string) {
	for id, text := range r.output {
		if pkg != "" && id.pkg == pkg {
			fmt.Fprintf(r.out, "\n%s", text)
			delete(r.output, id)
		}
	}
}

// close prints the closing line and returns the exit code.
func (r *report) close(took, budget time.Duration, ci bool) int {
	if r.goTestFailed && r.failed == 0 {
		r.failed++
		fmt.Fprintln(r.out, "go test failed without a failed test: see its messages above")
	}
	for _, line := range r.brief {
		fmt.Fprintln(r.out, line)
	}
	fmt.Fprintf(r.out, "%s took %.0f s\n", r.name, took.Seconds())
	if budget > 0 && took > budget {
		fmt.Fprintf(r.out, "%s is over its budget of %s\n", r.name, budget)
	}
	code := 0
	switch {
	case r.failed > 0:
		code = 1
	case r.passed == 0:
		fmt.Fprintln(r.out, "no test passed: a tier that runs nothing shows nothing")
		code = 1
	case r.skipped > 0 && ci:
		fmt.Fprintln(r.out, "CI skips no test: install what the skipped tests miss")
		code = 1
	}
	fmt.Fprintf(r.out, "%s: %d passed, %d failed, %d skipped\n", r.name, r.passed, r.failed, r.skipped)
	return code
}

func parentOf(id testID) (testID, bool) {
	i := strings.LastIndexByte(id.test, '/')
	if i < 0 {
		return testID{}, false
	}
	return testID{id.pkg, id.test[:i]}, true
}

// reasonOf finds what a test printed first between the lines of the test runner.
func reasonOf(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			return line
		}
	}
	return "no reason given"
}
