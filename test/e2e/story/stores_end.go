package story

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
)

// What must be there in the end, written from the policies' text: a record is due when it is older than 30 days, and stays if it is held.

func due(n int) bool { return n%ages >= kept }

// compare tells how a store's records differ from what they should be.
func compare(store string, want, got []string) (string, error) {
	slices.Sort(want)
	slices.Sort(got)
	if slices.Equal(want, got) {
		return fmt.Sprintf("%d records", len(got)), nil
	}
	missing := slices.DeleteFunc(slices.Clone(want), func(r string) bool { _, found := slices.BinarySearch(got, r); return found })
	surplus := slices.DeleteFunc(slices.Clone(got), func(r string) bool { _, found := slices.BinarySearch(want, r); return found })
	return "", fmt.Errorf("%s: %d records are missing (%.5q), %d should not be there (%.5q)", store, len(missing), first(missing), len(surplus), first(surplus))
}

func first(list []string) []string { return list[:min(len(list), 3)] }

func (o *Stores) ledgerIsRight(ctx context.Context) (string, error) {
	var want []string
	for n := 1; n <= ledgerRecords; n++ {
		if !due(n) || n == 37 || n == 38 {
			want = append(want, fmt.Sprintf("%d Recipient %d r%d@example.com", n, n, n))
		}
	}
	rows, err := o.ledger.Query(ctx, "SELECT id || ' ' || name || ' ' || email FROM recipients")
	if err != nil {
		return "", err
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", err
	}
	return compare("ledger", want, got)
}

func (o *Stores) parcelsAreRight(ctx context.Context) (string, error) {
	var want, got []string
	for n := 1; n <= records; n++ {
		if due(n) && n%10 != 0 {
			want = append(want, fmt.Sprintf("%d removed NULL", n))
		} else {
			want = append(want, fmt.Sprintf("%d Recipient %d +1 202 555 %d", n, n, n))
		}
	}
	rows, err := o.parcels.QueryContext(ctx, "SELECT concat(id, ' ', recipient, ' ', coalesce(phone, 'NULL')) FROM parcels WHERE note = 'left at the door'")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			return "", err
		}
		got = append(got, row)
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	return compare("parcels", want, got)
}

func (o *Stores) sessionsAreRight(ctx context.Context) (string, error) {
	var want []string
	for n := 1; n <= records; n++ {
		if !due(n) || n == 37 {
			want = append(want, "session:"+strconv.Itoa(n))
		}
	}
	got, err := o.redis.Keys(ctx, "*").Result()
	if err != nil {
		return "", err
	}
	return compare("sessions", want, got)
}

// statusSaysSo reads what people see: `kubectl get`.
func (o *Stores) statusSaysSo(ctx context.Context) (string, error) {
	runs, err := o.lab.Kubectl(ctx, "-n", StoresNamespace, "get", "purgeruns", "--no-headers", "-o", "wide")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(runs) {
		if !strings.Contains(strings.Join(strings.Fields(line), " "), " Purge True Completed ") || !strings.Contains(line, "held") {
			return "", fmt.Errorf("a run does not say that it is complete, and that records are held: %s", line)
		}
	}
	policies, err := o.lab.Kubectl(ctx, "-n", StoresNamespace, "get", "retentionpolicies", "--no-headers")
	if err != nil {
		return "", err
	}
	if n := strings.Count(policies, "Completed"); n != 3 {
		return "", fmt.Errorf("%d of 3 policies say that their last run is complete:\n%s", n, policies)
	}
	return runs, nil
}

// evidenceVerifies exports the runs and the certificate of the signing key, and verifies them as an auditor does, without the cluster.
func (o *Stores) evidenceVerifies(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "auditor-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	var secret corev1.Secret
	if err := o.lab.Get(ctx, &secret, "-n", StoresNamespace, "secret/evidence"); err != nil {
		return "", err
	}
	runs, err := o.lab.Kubectl(ctx, "-n", StoresNamespace, "get", "purgeruns", "-o", "yaml")
	if err != nil {
		return "", err
	}
	done := fmt.Sprintf("done: %d", o.done())
	edited := strings.Replace(runs, done, fmt.Sprintf("done: %d", o.done()+1), 1)
	if edited == runs {
		return "", fmt.Errorf("the exported runs do not say %q", done)
	}
	key, sound, forged := filepath.Join(dir, "evidence.crt"), filepath.Join(dir, "runs.yaml"), filepath.Join(dir, "edited.yaml")
	for file, content := range map[string]string{key: string(secret.Data["tls.crt"]), sound: runs, forged: edited} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return "", err
		}
	}
	said, code, err := o.lab.Plugin(ctx, "purge", "verify", "-f", sound, "--key", key)
	if err != nil || code != 0 || strings.Count(said, " ok\n") != 3 {
		return "", fmt.Errorf("exit code %d, %w\n%s", code, err, said)
	}
	if found, code, err := o.lab.Plugin(ctx, "purge", "verify", "-f", forged, "--key", key); err != nil || code != 1 || !strings.Contains(found, "WRONG") {
		return "", fmt.Errorf("an edited count passed: exit code %d, %w\n%s", code, err, found)
	}
	return said, nil
}
