package story

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	apiv1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/test/e2e/lab"
)

// StoresNamespace is that of a team with three stores.
const StoresNamespace = "stores"

// records are how many each store has, the ledger more: its run must last. A record's age in days is its number modulo ages, and half a day.
const (
	records       = 3_000
	ledgerRecords = 20_000
	ages          = 60
	kept          = 30 // days, as the policies say
)

// Stores are PostgreSQL with a standby, MariaDB and Redis, each under a policy with a hold.
type Stores struct {
	lab     *lab.Lab
	ledger  *lab.Database
	standby *pgx.Conn
	parcels *lab.MariaDB
	redis   *redis.Client
	began   time.Time

	run apiv1.PurgeRun // of the ledger
}

// OpenStores fills the stores and declares them.
func (s *Shop) OpenStores(ctx context.Context) (*Stores, error) {
	o := &Stores{lab: s.Lab, began: time.Now()}
	password := rand.Text()
	for _, open := range []func(context.Context, string) error{o.openLedger, o.openParcels, o.openSessions} {
		if err := open(ctx, password); err != nil {
			o.Close(ctx)
			return nil, err
		}
	}
	if err := s.applyFile(ctx, "stores.yaml", nil); err != nil {
		o.Close(ctx)
		return nil, err
	}
	for name, data := range map[string]map[string]string{
		"ledger":   {"host": lab.PostgresHost, "database": "ledger", "username": "ledger_purger", "password": password},
		"parcels":  {"host": lab.MariaDBHost, "database": "parcels", "username": "parcels_purger", "password": password},
		"sessions": {"host": lab.RedisHost, "password": password},
	} {
		err := s.applyObject(ctx, map[string]any{
			"apiVersion": "v1", "kind": "Secret", "stringData": data,
			"metadata": map[string]any{"name": name + "-purger", "namespace": StoresNamespace, "annotations": map[string]string{apiv1.AnnotationAllowedHosts: data["host"]}},
		})
		if err != nil {
			o.Close(ctx)
			return nil, err
		}
	}
	return o, s.applyObject(ctx, map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]string{"ca.crt": o.ledger.CA},
		"metadata": map[string]any{"name": "ledger-ca", "namespace": StoresNamespace},
	})
}

// Close ends connections, and the store that does not end with the cluster.
func (o *Stores) Close(ctx context.Context) {
	if o.standby != nil {
		_ = o.standby.Close(ctx)
	}
	if o.ledger != nil {
		_ = o.ledger.Close(ctx)
	}
	if o.redis != nil {
		_ = o.redis.Close()
	}
	if o.parcels != nil {
		_ = o.parcels.Close(ctx)
	}
}

func (o *Stores) openLedger(ctx context.Context, password string) (err error) {
	if o.ledger, err = o.lab.StartPostgres(ctx, "ledger"); err != nil {
		return err
	}
	_, err = o.ledger.Exec(ctx, fmt.Sprintf(`CREATE TABLE recipients (id bigint PRIMARY KEY, name text, email text, delivered_at timestamptz);
		INSERT INTO recipients SELECT n, 'Recipient ' || n, 'r' || n || '@example.com', now() - make_interval(days => n %% %d, hours => 12) FROM generate_series(1, %d) AS n;
		ANALYZE recipients;
		DROP ROLE IF EXISTS ledger_purger; CREATE ROLE ledger_purger LOGIN PASSWORD '%s' IN ROLE pg_monitor; GRANT SELECT, DELETE ON recipients TO ledger_purger`,
		ages, ledgerRecords, password))
	if err != nil {
		return err
	}
	o.standby, err = o.lab.StartStandby(ctx)
	return err
}

func (o *Stores) openParcels(ctx context.Context, password string) (err error) {
	if o.parcels, err = o.lab.StartMariaDB(ctx, "parcels"); err != nil {
		return err
	}
	_, err = o.parcels.ExecContext(ctx, fmt.Sprintf(`CREATE TABLE parcels (id bigint AUTO_INCREMENT PRIMARY KEY, recipient varchar(80), phone varchar(40), shop varchar(20), note text, delivered_at datetime);
		INSERT INTO parcels SELECT seq, concat('Recipient ', seq), concat('+1 202 555 ', seq), if(seq %% 10 = 0, 'north', 'south'), 'left at the door', utc_timestamp() - INTERVAL seq %% %d DAY - INTERVAL 12 HOUR FROM seq_1_to_%d;
		CREATE USER parcels_purger IDENTIFIED BY '%s'; GRANT SHOW VIEW ON parcels.* TO parcels_purger; GRANT SELECT, UPDATE ON parcels.parcels TO parcels_purger`,
		ages, records, password))
	return err
}

func (o *Stores) openSessions(ctx context.Context, password string) (err error) {
	if o.redis, err = o.lab.StartRedis(ctx, password); err != nil {
		return err
	}
	pipe := o.redis.Pipeline()
	for n := 1; n <= records; n++ {
		seen := o.began.Add(-time.Duration(n%ages)*24*time.Hour - 12*time.Hour).Unix()
		pipe.HSet(ctx, "session:"+strconv.Itoa(n), "email", fmt.Sprintf("s%d@example.com", n), "seen_at", seen)
	}
	_, err = pipe.Exec(ctx)
	return err
}

// Checks tell what happens: the standby falls behind, the purger is killed, and in the end each store has exactly the right records.
func (o *Stores) Checks() []Check {
	return []Check{
		{"a scan from this machine names the field that nobody has decided about", o.scanFindsTheForgottenField},
		{"the run of PostgreSQL waits while its standby stays behind, and says so", o.runWaitsForTheStandby},
		{"other stores are purged meanwhile", o.othersArePurged},
		{"a purger that is killed on its node loses nothing, and the run still waits", o.killedPurgerLosesNothing},
		{"the run goes on when the standby has caught up, and ends", o.runGoesOn},
		{"PostgreSQL has exactly the right rows", o.ledgerIsRight},
		{"MariaDB has exactly the right rows", o.parcelsAreRight},
		{"Redis has exactly the right keys", o.sessionsAreRight},
		{"the status says it to a person", o.statusSaysSo},
		{"kubectl carrier purge verify accepts the exported evidence, and no edit of it", o.evidenceVerifies},
	}
}

// scanFindsTheForgottenField connects to the ledger as the purger does, at the address by which this machine reaches it.
func (o *Stores) scanFindsTheForgottenField(ctx context.Context) (string, error) {
	args := []string{"datastore", "scan", "ledger", "-n", StoresNamespace, "--address", o.lab.Address("5432")}
	said, code, err := o.lab.Plugin(ctx, args...)
	if err != nil || code != 0 || !strings.Contains(said, "every field has a category or is ignored") {
		return "", fmt.Errorf("before a field is added: exit code %d, %w\n%s", code, err, said)
	}
	if _, err := o.ledger.Exec(ctx, "ALTER TABLE recipients ADD COLUMN phone text"); err != nil {
		return "", err
	}
	said, code, err = o.lab.Plugin(ctx, args...)
	if err != nil || code != 1 || !strings.Contains(said, "public.recipients") || !strings.Contains(said, "phone") || strings.Contains(said, "delivered_at") {
		return "", fmt.Errorf("exit code %d, %w\n%s", code, err, said)
	}
	_, err = o.ledger.Exec(ctx, "ALTER TABLE recipients DROP COLUMN phone")
	return "public.recipients phone", err
}

// columns are those of `kubectl get` for an object, without the age.
func (o *Stores) columns(ctx context.Context, object string) (string, error) {
	text, err := o.lab.Kubectl(ctx, "-n", StoresNamespace, "get", object, "--no-headers", "-o", "wide")
	return strings.Join(strings.Fields(text), " "), err
}

func (o *Stores) readRun(ctx context.Context) error {
	return o.lab.Get(ctx, &o.run, "-n", StoresNamespace, "purgerun/"+o.run.Name)
}

func (o *Stores) runWaitsForTheStandby(ctx context.Context) (string, error) {
	if err := o.lab.WaitCondition(ctx, time.Minute, StoresNamespace, "retentionpolicy/ledger", "SchedulesRuns", "True"); err != nil {
		return "", err
	}
	if _, err := o.standby.Exec(ctx, "SELECT pg_wal_replay_pause()"); err != nil {
		return "", err
	}
	if _, _, err := o.lab.Plugin(ctx, "purge", "run", "ledger", "-n", StoresNamespace, "--wait=false"); err != nil {
		return "", err
	}
	var said string
	err := o.lab.Wait(ctx, 2*time.Minute, "the run to wait for the standby", func(ctx context.Context) (bool, string, error) {
		name, err := o.lab.Kubectl(ctx, "-n", StoresNamespace, "get", "retentionpolicy", "ledger", "-o", "jsonpath={.status.lastRun.name}")
		if err != nil || name == "" {
			return false, "there is no run", err
		}
		o.run.Name = name
		said, err = o.columns(ctx, "purgerun/"+name)
		return strings.Contains(said, " False Paused ") && strings.Contains(said, "ReplicaLag: a replica is "), said, err
	})
	return said, err
}

func (o *Stores) othersArePurged(ctx context.Context) (string, error) {
	for _, policy := range []string{"parcels", "sessions"} {
		said, code, err := o.lab.Plugin(ctx, "purge", "run", policy, "-n", StoresNamespace, "--timeout=3m")
		if err != nil || code != 0 {
			return "", fmt.Errorf("policy %s: exit code %d, %w\n%s", policy, code, err, said)
		}
	}
	return "parcels and sessions", nil
}

// runPod is the pod that works on the ledger's run.
func (o *Stores) runPod(ctx context.Context) (string, error) {
	pods, err := o.lab.Pods(ctx, StoresNamespace, apiv1.LabelRun+"="+o.run.Name)
	if err == nil && len(pods) != 1 {
		err = fmt.Errorf("running pods of %s: %v, want one", o.run.Name, pods)
	}
	if err != nil {
		return "", err
	}
	return pods[0], nil
}

func (o *Stores) killedPurgerLosesNothing(ctx context.Context) (string, error) {
	pod, err := o.runPod(ctx)
	if err != nil {
		return "", err
	}
	if err := o.lab.Kill(ctx, StoresNamespace, pod, "purger"); err != nil {
		return "", err
	}
	if err := o.readRun(ctx); err != nil {
		return "", err
	}
	before, said := o.done(), o.run.Status.Pause.Message
	var next string
	err = o.lab.Wait(ctx, 2*time.Minute, "another pod to take over, and to wait", func(ctx context.Context) (bool, string, error) {
		if next, err = o.runPod(ctx); err != nil || next == pod {
			return false, "no new pod", err
		}
		err := o.readRun(ctx)
		wrote := o.done() != before || o.run.Status.Pause.Message != said // the pod that was killed writes no more
		return wrote && o.run.Status.Pause.Reason == apiv1.ReasonReplicaLag, fmt.Sprintf("%+v", o.run.Status.Pause), err
	})
	if err != nil {
		return "", err
	}
	if o.done() < before || o.run.Status.StopReason != "" {
		return "", fmt.Errorf("after the kill the run has stop reason %q and %d records done, before %d", o.run.Status.StopReason, o.done(), before)
	}
	return fmt.Sprintf("%s was killed, %s took over at %s", pod, next, o.run.Status.Summary), nil
}

func (o *Stores) done() (n int64) {
	for _, r := range o.run.Status.Results {
		n += r.Done
	}
	return n
}

func (o *Stores) runGoesOn(ctx context.Context) (string, error) {
	if _, err := o.standby.Exec(ctx, "SELECT pg_wal_replay_resume()"); err != nil {
		return "", err
	}
	err := o.lab.WaitCondition(ctx, 5*time.Minute, StoresNamespace, "purgerun/"+o.run.Name, "Complete", "True")
	if err != nil {
		return "", err
	}
	if err := o.readRun(ctx); err != nil {
		return "", err
	}
	if o.run.Status.StopReason != apiv1.ReasonCompleted {
		return "", fmt.Errorf("%s: %s", o.run.Status.StopReason, o.run.Status.Outcome.Message)
	}
	return o.run.Status.Summary, nil
}
