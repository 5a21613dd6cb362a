package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
	"github.com/carrier-operator/carrier-operator/internal/retention/discovery"
	"github.com/carrier-operator/carrier-operator/internal/retention/drivers"
	"github.com/carrier-operator/carrier-operator/internal/retention/stores"
)

// scanOptions say which store is scanned and how it is reached.
type scanOptions struct {
	cluster clusterFlags
	address string
	output  string
}

func scanCommand(streams Streams) *cobra.Command {
	o := &scanOptions{output: "text"}
	command := &cobra.Command{
		Use:   "scan DATASTORE",
		Short: "List a store's fields that nobody has decided about",
		Long: `List the fields of a store that have no decision yet: every field of the DataStore's collections that has no category and is not ignored,
and fields of other collections whose names suggest personal data. Values are never looked at.

The command reads the DataStore and its Secret from the cluster and connects to the store from here, with the login that the purger has. Where
the store is reached through a port-forward, give --address; its certificate is verified for that host then. The exit code is 1 if a field has no decision, 2 if the scan failed, else 0.`,
		Example: "  kubectl carrier datastore scan shop-db -n shop\n" +
			"  kubectl port-forward -n shop svc/postgres 15432:5432 & kubectl carrier datastore scan shop-db -n shop --address 127.0.0.1:15432",
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if o.output != "text" && o.output != "json" {
				return fmt.Errorf("--output %q is neither text nor json", o.output)
			}
			c, namespace, err := o.cluster.connect()
			if err != nil {
				return err
			}
			found, err := o.scan(command.Context(), c, types.NamespacedName{Namespace: namespace, Name: args[0]})
			if err != nil {
				return err
			}
			return printUndecided(streams.Out, o.output, found)
		},
	}
	o.cluster.add(command)
	command.Flags().StringVar(&o.address, "address", "", "`host:port` to reach the store at instead of the one in its Secret")
	command.Flags().StringVarP(&o.output, "output", "o", o.output, "how fields are printed: text or json")
	return command
}

func (o *scanOptions) scan(ctx context.Context, c client.Client, key types.NamespacedName) ([]discovery.Finding, error) {
	store := &v1alpha1.DataStore{}
	if err := c.Get(ctx, key, store); err != nil {
		return nil, fmt.Errorf("reading DataStore %s: %w", key, err)
	}
	plan, err := scanPlan(ctx, c, store)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kubectl-carrier-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := o.writeConnection(ctx, c, store, dir); err != nil {
		return nil, err
	}
	session, err := drivers.New(plan, dir, nil).Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to the store: %w", err)
	}
	defer session.Close()
	catalog, ok := session.(retention.Cataloger)
	if !ok {
		return nil, fmt.Errorf("a store of type %s has no catalog of its fields: look at the programs that write to it", store.Spec.Type)
	}
	fields, err := catalog.Catalog(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the store's catalog: %w", err)
	}
	return discovery.Undecided(fields, plan.Store.Decided), nil
}

// scanPlan is as much of a plan as a driver needs to connect.
func scanPlan(ctx context.Context, c client.Client, store *v1alpha1.DataStore) (*retention.Plan, error) {
	plan := &retention.Plan{RunUID: "scan", Store: retention.Store{
		Name: store.Name, Type: string(store.Spec.Type), TLSMode: string(store.Spec.Connection.TLS.Mode), Decided: discovery.Decided(store),
		ClientCertificate: store.Spec.Connection.TLS.ClientCertificateRef.Name != "",
	}}
	if plan.Store.TLSMode == "" {
		plan.Store.TLSMode = string(v1alpha1.StoreTLSVerifyFull)
	}
	ref := store.Spec.Connection.TLS.CABundleRef
	if ref.Name == "" {
		return plan, nil
	}
	key := types.NamespacedName{Namespace: store.Namespace, Name: ref.Name}
	if ref.Kind == "Secret" {
		secret := &corev1.Secret{}
		if err := c.Get(ctx, key, secret); err != nil {
			return nil, fmt.Errorf("reading the CA bundle: %w", err)
		}
		plan.Store.CABundle = string(secret.Data[ref.Key])
		return plan, nil
	}
	config := &corev1.ConfigMap{}
	if err := c.Get(ctx, key, config); err != nil {
		return nil, fmt.Errorf("reading the CA bundle: %w", err)
	}
	plan.Store.CABundle = config.Data[ref.Key]
	return plan, nil
}

// writeConnection writes the Secret's keys as files that only this user can read, as a pod would see them.
func (o *scanOptions) writeConnection(ctx context.Context, c client.Client, store *v1alpha1.DataStore, dir string) error {
	secret := &corev1.Secret{}
	name := store.Spec.Connection.SecretRef.Name
	if err := c.Get(ctx, types.NamespacedName{Namespace: store.Namespace, Name: name}, secret); err != nil {
		return fmt.Errorf("reading the store's Secret: %w", err)
	}
	data := maps.Clone(secret.Data)
	if o.address != "" {
		host, port, err := net.SplitHostPort(o.address)
		if err != nil {
			return fmt.Errorf("--address: %w", err)
		}
		data[stores.KeyHost], data[stores.KeyPort] = []byte(host), []byte(port)
	}
	kind, ok := stores.Of(store.Spec.Type)
	if !ok {
		return errors.New("the DataStore has a type that this version does not know")
	}
	if certificate := store.Spec.Connection.TLS.ClientCertificateRef.Name; certificate != "" {
		secret := &corev1.Secret{}
		if err := c.Get(ctx, types.NamespacedName{Namespace: store.Namespace, Name: certificate}, secret); err != nil {
			return fmt.Errorf("reading the client certificate: %w", err)
		}
		for _, key := range stores.CertificateKeys {
			data[key] = secret.Data[key]
		}
	}
	for _, key := range slices.Concat(kind.Required, kind.Optional, stores.CertificateKeys) {
		value, ok := data[key]
		if !ok {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, key), value, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func printUndecided(out io.Writer, output string, found []discovery.Finding) error {
	switch {
	case output == "json":
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(found); err != nil {
			return err
		}
	case len(found) == 0:
		fmt.Fprintln(out, "every field has a category or is ignored")
	default:
		table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
		fmt.Fprintln(table, "COLLECTION\tFIELD\tTYPE\tLOOKS LIKE")
		for _, f := range found {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.Collection, f.Field, f.Type, f.LooksLike)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(out, "%d fields have no decision: give each a category in the DataStore's collections, or ignore it\n", len(found))
	}
	if len(found) > 0 {
		return errFound
	}
	return nil
}
