package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/evidence"
)

// verifyOptions are what runs are checked against.
type verifyOptions struct {
	cluster  clusterFlags
	files    []string
	keyFiles []string
	unsigned bool
	last     string
	output   string
}

func verifyCommand(streams Streams) *cobra.Command {
	o := &verifyOptions{output: "text"}
	command := &cobra.Command{
		Use:   "verify [POLICY]",
		Short: "Check the evidence of PurgeRuns, from the cluster or offline from files",
		Long: `Check the evidence of PurgeRuns: that their content has the recorded digest, that intent and outcome are signed by a key of yours and say
what the object says, and that each run builds on the one before, with none missing, inserted or reordered.

With -f the runs come from files, for example from 'kubectl get purgeruns -o yaml', and no cluster is needed. The exit code is 1 if anything
is wrong, 2 if a file cannot be read, else 0. Keep the last digest that is printed somewhere else: with --last it shows whether later runs
were removed.`,
		Example: `  kubectl carrier purge verify shipments -n shop --key evidence.pem
  kubectl get purgeruns -n shop -o yaml | kubectl carrier purge verify --key evidence.pem -f -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			keys, err := readPublicKeys(o.keyFiles)
			if err != nil {
				return err
			}
			runs, err := o.runs(command.Context(), streams.In, args)
			if err != nil {
				return err
			}
			chains := evidence.Check(command.Context(), runs, keys)
			if o.last != "" {
				expectLast(chains, o.last)
			}
			return printChains(streams.Out, o.output, chains)
		},
	}
	o.cluster.add(command)
	flags := command.Flags()
	flags.StringArrayVarP(&o.files, "filename", "f", nil, "`file` with PurgeRuns in YAML or JSON, - for standard input; may be repeated")
	flags.StringArrayVar(&o.keyFiles, "key", nil, "`file` with Ed25519 public keys or certificates in PEM; may be repeated")
	flags.BoolVar(&o.unsigned, "unsigned", false, "check digests and chain alone: who can write the objects can have made them anew")
	flags.StringVar(&o.last, "last", "", "`digest` of the newest run that must be there")
	flags.StringVarP(&o.output, "output", "o", o.output, "how results are printed: text or json")
	return command
}

func (o *verifyOptions) check() error {
	switch {
	case o.output != "text" && o.output != "json":
		return fmt.Errorf("--output %q is neither text nor json", o.output)
	case len(o.keyFiles) == 0 && !o.unsigned:
		return errors.New("--key is missing: give the public key of the policy's signing key, or --unsigned to check digests and chain alone")
	case len(o.keyFiles) > 0 && o.unsigned:
		return errors.New("--key and --unsigned exclude each other")
	}
	return nil
}

func readPublicKeys(files []string) (keys evidence.Keys, err error) {
	for _, file := range files {
		encoded, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		parsed, err := evidence.ParseKeys(encoded)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		keys = append(keys, parsed...)
	}
	return keys, nil
}

// runs returns the runs to check; that there is none is an error: nothing would have been checked.
func (o *verifyOptions) runs(ctx context.Context, in io.Reader, args []string) (runs []v1alpha1.PurgeRun, err error) {
	for _, file := range o.files {
		reader := in
		if file != stdin {
			opened, err := os.Open(file)
			if err != nil {
				return nil, err
			}
			defer opened.Close()
			reader = opened
		}
		read, err := readRuns(reader)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		runs = append(runs, read...)
	}
	if len(o.files) == 0 {
		if runs, err = o.fromCluster(ctx); err != nil {
			return nil, err
		}
	}
	if len(args) == 1 {
		runs = slices.DeleteFunc(runs, func(r v1alpha1.PurgeRun) bool { return r.Spec.PolicyRef.Name != args[0] })
	}
	if len(runs) == 0 {
		return nil, errors.New("there are no PurgeRuns to check")
	}
	return runs, nil
}

func (o *verifyOptions) fromCluster(ctx context.Context) ([]v1alpha1.PurgeRun, error) {
	c, namespace, err := o.cluster.connect()
	if err != nil {
		return nil, err
	}
	var list v1alpha1.PurgeRunList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("reading the PurgeRuns of namespace %s: %w", namespace, err)
	}
	return list.Items, nil
}

// readRuns reads documents that are PurgeRuns or lists of them. Anything else among them is an error: it could hide a run.
func readRuns(in io.Reader) (runs []v1alpha1.PurgeRun, err error) {
	decoder := yaml.NewYAMLOrJSONDecoder(in, 4096)
	for {
		var document json.RawMessage
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return runs, nil
		} else if err != nil {
			return nil, fmt.Errorf("it is neither YAML nor JSON: %w", err)
		}
		if len(document) == 0 || string(document) == "null" {
			continue
		}
		var list struct {
			Kind  string              `json:"kind"`
			Items []v1alpha1.PurgeRun `json:"items"`
		}
		if err := json.Unmarshal(document, &list); err != nil {
			return nil, fmt.Errorf("it is no PurgeRun: %w", err)
		}
		switch list.Kind {
		case "List", "PurgeRunList":
			runs = append(runs, list.Items...)
		case "PurgeRun":
			var run v1alpha1.PurgeRun
			if err := json.Unmarshal(document, &run); err != nil {
				return nil, fmt.Errorf("it is no PurgeRun: %w", err)
			}
			runs = append(runs, run)
		default:
			return nil, fmt.Errorf("it holds a %q where a PurgeRun or a list of them is expected", list.Kind)
		}
	}
}

func expectLast(chains []evidence.Chain, digest string) {
	for i := range chains {
		if chains[i].Holds(digest) {
			return
		}
	}
	chains[0].Problems = append(chains[0].Problems, fmt.Sprintf("no run has the digest %s that --last names: runs were removed or changed", digest))
}

func printChains(out io.Writer, output string, chains []evidence.Chain) error {
	sound := true
	for i := range chains {
		sound = sound && chains[i].Sound()
	}
	if output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(chains); err != nil {
			return err
		}
	} else {
		for i := range chains {
			if err := printChain(out, &chains[i]); err != nil {
				return err
			}
		}
	}
	if !sound {
		return errFound
	}
	return nil
}

func printChain(out io.Writer, chain *evidence.Chain) error {
	begins := "from the policy's first run on"
	if chain.After != "" {
		begins = "older runs are no longer there"
	}
	fmt.Fprintf(out, "policy %s/%s: %d runs, %s\n", chain.Namespace, chain.Policy, len(chain.Runs), begins)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "RUN\tSLOT\tMODE\tREASON\tDUE\tDONE\tHELD\tSIGNED BY\tEVIDENCE")
	for _, r := range chain.Runs {
		verdict := "ok"
		switch {
		case r.Working:
			verdict = "at work"
		case len(r.Problems) > 0:
			verdict = "WRONG"
		case r.CountOnly:
			verdict = "ok, records counted and not digested"
		}
		signed := r.SignedBy
		if len(signed) > 19 {
			signed = signed[:19]
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n",
			r.Name, r.Slot.Format(time.RFC3339), r.Mode, r.Reason, r.Totals.Due, r.Totals.Done, r.Totals.Held, signed, verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range chain.Runs {
		for _, p := range r.Problems {
			fmt.Fprintf(out, "%s: %s\n", r.Name, p)
		}
	}
	for _, p := range chain.Problems {
		fmt.Fprintf(out, "chain: %s\n", p)
	}
	_, err := fmt.Fprintf(out, "last digest: %s\n", chain.Last)
	return err
}
