package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"
)

// Streams are what the program reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Exit codes.
const (
	exitOK       = 0 // nothing, or warnings only
	exitFindings = 1 // at least one error was found
	exitFailed   = 2 // the command could not do its work: arguments, files
)

// errFound ends a command whose findings are printed already.
var errFound = errors.New("errors were found")

// Run runs the command that the arguments name and returns the exit code.
func Run(args []string, streams Streams, now clock.PassiveClock) int {
	root := &cobra.Command{
		Use:           "kubectl-carrier",
		Short:         "Work with carrier-operator",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl carrier"},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	profile := &cobra.Command{Use: "profile", Short: "Work with CarrierProfiles"}
	profile.AddCommand(lintCommand(streams, now))
	datastore := &cobra.Command{Use: "datastore", Short: "Work with DataStores"}
	datastore.AddCommand(scanCommand(streams))
	root.AddCommand(profile, purgeCommand(streams, now), datastore, holdCommand(streams))
	root.SetArgs(args)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)

	switch err := root.Execute(); {
	case err == nil:
		return exitOK
	case errors.Is(err, errFound):
		return exitFindings
	default:
		fmt.Fprintf(streams.Err, "error: %v\n", err)
		return exitFailed
	}
}
