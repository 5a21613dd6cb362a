package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/profilelint"
)

// stdin is the argument that stands for standard input.
const stdin = "-"

// fileFinding is a finding with the file that it is in, as -o json prints it.
type fileFinding struct {
	File string `json:"file"`
	profilelint.Finding
}

func lintCommand(streams Streams, now clock.PassiveClock) *cobra.Command {
	output := "text"
	command := &cobra.Command{
		Use:   "lint FILE... | -",
		Short: "Check CarrierProfiles without a cluster",
		Long: `Check CarrierProfiles without a cluster: what an API server refuses, rules that do not compile, requests that two operations
claim, a floor above the allow-list, personal data that an operation does not need, numbers and facts without a source, old reviews.

Each finding is a line FILE:PATH: SEVERITY: MESSAGE. The exit code is 1 with an error among them, 2 if a file cannot be read, else 0.`,
		Example: "  kubectl carrier profile lint carriers/*.yaml\n  kubectl get carrierprofile ups -o yaml | kubectl carrier profile lint -o json -",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output %q is neither text nor json", output)
			}
			found, err := lintFiles(files, streams.In, now.Now())
			if err != nil {
				return err
			}
			if err := printFindings(streams.Out, output, found); err != nil {
				return err
			}
			for _, finding := range found {
				if finding.Severity == profilelint.Error {
					return errFound
				}
			}
			return nil
		},
	}
	command.Flags().StringVarP(&output, "output", "o", output, "how findings are printed: text or json")
	return command
}

func lintFiles(files []string, in io.Reader, now time.Time) ([]fileFinding, error) {
	all := []fileFinding{}
	for _, file := range files {
		var source []byte
		var err error
		if file == stdin {
			source, err = io.ReadAll(in)
		} else {
			source, err = os.ReadFile(file)
		}
		if err != nil {
			return nil, err
		}
		found, err := profilelint.Check(source, now)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, finding := range found {
			all = append(all, fileFinding{File: file, Finding: finding})
		}
	}
	return all, nil
}

func printFindings(out io.Writer, output string, found []fileFinding) error {
	if output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(found)
	}
	for _, f := range found {
		if _, err := fmt.Fprintf(out, "%s:%s: %s: %s\n", f.File, f.Path, f.Severity, f.Message); err != nil {
			return err
		}
	}
	return nil
}
