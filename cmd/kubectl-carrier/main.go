// Command kubectl-carrier is a plugin of kubectl: `kubectl carrier ...` for whoever has it on the path.
package main

import (
	"os"

	"k8s.io/utils/clock"
)

func main() {
	os.Exit(Run(os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, clock.RealClock{}))
}
