package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carrier-operator/carrier-operator/internal/retention"
)

func holdCommand(streams Streams) *cobra.Command {
	command := &cobra.Command{Use: "hold", Short: "Work with LegalHolds"}
	command.AddCommand(hashCommand(streams))
	return command
}

func hashCommand(streams Streams) *cobra.Command {
	keyFile := ""
	command := &cobra.Command{
		Use:   "hash --key-file FILE",
		Short: "Compute the subject of a LegalHold from values on standard input",
		Long: `Compute keyID and hashes of a LegalHold's subject, without a cluster. Values are read from standard input, one a line, so that they are in no
history of a shell; the line's end is left out, and nothing else: a value is taken byte by byte, as the store writes it as text, in UTF-8. What
the store holds in another spelling is another value: give each spelling.

The key is that of the policy's hashKeyRef: the file's bytes are used as they are.`,
		Example: `  kubectl carrier hold hash --key-file hash.key   # type the values, then Ctrl-D
  kubectl carrier hold hash --key-file <(kubectl get secret hash-key -n shop -o jsonpath='{.data.key}' | base64 -d) < customers.txt`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return printSubject(streams, keyFile) },
	}
	command.Flags().StringVar(&keyFile, "key-file", "", "`file` with the hash key")
	_ = command.MarkFlagRequired("key-file") // fails for a flag that does not exist
	return command
}

// printSubject prints what goes below subject of a LegalHold. It prints no value.
func printSubject(streams Streams, keyFile string) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	if len(key) < retention.MinHashKeyBytes {
		return fmt.Errorf("the key has %d bytes, %d or more are needed", len(key), retention.MinHashKeyBytes)
	}
	hasher := retention.NewHasher(key)
	var hashes []string
	lines := bufio.NewScanner(streams.In)
	for lines.Scan() {
		switch value := lines.Text(); {
		case value == "":
			return fmt.Errorf("line %d is empty: an empty value names nobody", len(hashes)+1)
		case retention.IsHashed(value):
			hashes = append(hashes, value) // KeyedHash leaves it as it is, too
		default:
			hashes = append(hashes, hasher.Value(value))
		}
	}
	switch {
	case lines.Err() != nil:
		return fmt.Errorf("reading values: %w", lines.Err())
	case len(hashes) == 0:
		return errors.New("there are no values: give one a line on standard input")
	}
	_, err = fmt.Fprintf(streams.Out, "keyID: %s\nhashes:\n- %s\n", hasher.KeyID(), strings.Join(hashes, "\n- "))
	return err
}
