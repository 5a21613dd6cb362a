// Command testsum runs one tier of the tests and closes with one line that people and machines can read:
//
//	tier2: 31 passed, 0 failed, 0 skipped
//
// The tests of a tier above the first live in files with that tier's build tag (integration, envtest, e2e), beside the code that they
// test. testsum finds those files, and runs their tests alone: a package's unit tests are not run again by each tier. It fails
// if a test failed, if no test ran, and, where CI is set, if one was skipped.
//
// Usage:
//
//	go run ./hack/testsum -name tier2 -tag integration [-budget 4m] [-stream] [-run REGEXP] [-race PACKAGES] [-also DIR] [package pattern...] [-- go test flags]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "testsum: %v\n", err)
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	var extra []string
	if i := slices.Index(args, "--"); i >= 0 {
		args, extra = args[:i], args[i+1:]
	}
	flags := flag.NewFlagSet("testsum", flag.ExitOnError)
	name := flags.String("name", "tests", "word before the closing line")
	tag := flags.String("tag", "", "run only the tests in files with this build constraint; empty: all tests that build without a tag")
	filter := flags.String("run", "", "run only the tests whose name matches, instead of the tier's whole list")
	budget := flags.Duration("budget", 0, "say so when the tier took longer (0: never); it does not fail the tier")
	also := flags.String("also", "", "folder of another module, whose tests run too unless packages or tests were picked")
	race := flags.String("race", "", "packages, separated by commas, whose tests run with the race detector, which needs a C compiler")
	stream := flags.Bool("stream", false, "print what the tests print while they run")
	_ = flags.Parse(args) // ExitOnError

	patterns := flags.Args()
	all := len(patterns) == 0 && *filter == ""
	goArgs := []string{"test", "-json", "-count=1"}
	if *tag != "" {
		found, err := discover(".", *tag)
		if err != nil {
			return 1, err
		}
		if len(found.packages) == 0 {
			fmt.Printf("%s: 0 passed, 0 failed, 0 skipped\n", *name)
			return 1, fmt.Errorf("no test file with the constraint \"//go:build %s\": a tier that runs nothing shows nothing", *tag)
		}
		goArgs = append(goArgs, "-tags="+*tag, "-run="+found.runPattern())
		if len(patterns) == 0 {
			patterns = found.packages
		}
	}
	if *filter != "" {
		goArgs = append(goArgs, "-run="+*filter)
	}
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	goArgs = append(goArgs, extra...)

	report := newReport(os.Stdout, *name, *stream)
	start := time.Now()
	if err := testAll(goArgs, patterns, strings.Split(*race, ","), report); err != nil {
		return 1, err
	}
	if *also != "" && all {
		if err := goTest([]string{"test", "-C", *also, "-json", "-count=1", "./..."}, report); err != nil {
			return 1, err
		}
	}
	return report.close(time.Since(start), *budget, os.Getenv("CI") != ""), nil
}

// testAll runs the tests of the patterns, those in race with the race detector.
func testAll(goArgs, patterns, race []string, report *report) error {
	plain, raced := split(patterns, race)
	if len(plain) > 0 {
		if err := goTest(append(slices.Clone(goArgs), plain...), report); err != nil {
			return err
		}
	}
	if len(raced) > 0 {
		return goTest(append(append(slices.Clone(goArgs), "-race"), raced...), report, "CGO_ENABLED=1")
	}
	return nil
}

// split parts the patterns into those to run as they are and those to run with the race detector.
func split(patterns, race []string) (plain, raced []string) {
	for _, p := range patterns {
		if slices.Contains(race, p) {
			raced = append(raced, p)
		} else {
			plain = append(plain, p)
		}
	}
	return plain, raced
}

// goTest runs the go command, with more environment if given, and feeds what it says to the report. A failed test is not an error here: the report counts it.
func goTest(args []string, report *report, env ...string) error {
	cmd := exec.CommandContext(context.Background(), "go", args...) // its tests have their own time limits
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), env...)
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	// An interrupt reaches the whole process group: stay to print what the tests say while they clean up.
	signal.Ignore(syscall.SIGINT)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting go test: %w", err)
	}
	if err := report.read(events); err != nil {
		_ = cmd.Process.Kill()
		return err
	}
	if err := cmd.Wait(); err != nil {
		report.goTestFailed = true
	}
	return nil
}
