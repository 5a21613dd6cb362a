// Command devcluster runs a real single-node Kubernetes cluster, built from Go modules, on one Linux
// machine, and takes it away again without a trace. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/cluster"
	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/image"
)

const usage = `usage: devcluster COMMAND [--name NAME] ...

  up          build what is missing, start what does not run, wait until it works
  down        remove the cluster and check that nothing is left
  status      the parts with their logs, the node and the pods
  env         shell lines that set KUBECONFIG and PATH
  build       only fill the binary cache
  load-image  --image NAME:TAG --binary FILE [--binary FILE ...]   make an image and give it to the node
  run         --in internet|node --as NAME -- COMMAND ...          start a program inside, with a log
  stop        --as NAME                                            end a program that run has started
  exec        --in internet|node -- COMMAND ...                    run a program inside, in the foreground
  policies    on|off                                               enforce NetworkPolicies, or stop doing so
  postgres    make and start a PostgreSQL server on the internet side
  standby     make and start a streaming standby of that server
  logs        [--as PART] [--lines N]                              the end of a log
`

type options struct {
	name, place, as, image string
	binaries               []string
	lines                  int
	command                []string
}

func parse(args []string) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("devcluster", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	flags.StringVar(&o.name, "name", "carrier", "which cluster")
	flags.StringVar(&o.place, "in", cluster.PlaceInternet, "where to run: internet or node")
	flags.StringVar(&o.as, "as", "", "name of the program or part")
	flags.StringVar(&o.image, "image", "", "image name with tag")
	flags.IntVar(&o.lines, "lines", 50, "how many lines of a log")
	flags.Func("binary", "static binary; the first is the entry point", func(file string) error {
		o.binaries = append(o.binaries, file)
		return nil
	})
	err := flags.Parse(args)
	o.command = flags.Args()
	return o, err
}

func run(ctx context.Context, action string, o options) error {
	reads := slices.Contains([]string{"status", "env", "exec", "logs"}, action)
	c, release, err := cluster.Open(o.name, !reads)
	if err != nil {
		return err
	}
	defer release()
	switch action {
	case "up":
		return c.Up(ctx, os.Stdout)
	case "down":
		return c.Down(os.Stdout)
	case "status":
		return c.Status(ctx, os.Stdout)
	case "env":
		return c.Env(os.Stdout)
	case "build":
		_, _, err := c.Build(ctx, os.Stdout)
		return err
	case "load-image":
		ref, err := image.FullRef(o.image)
		if err != nil {
			return err
		}
		return c.LoadImage(ctx, ref, o.binaries)
	case "run":
		return c.RunProcess(o.place, o.as, o.command)
	case "stop":
		return c.StopProcess(o.as)
	case "exec":
		return c.Exec(o.place, o.command)
	case "policies":
		if len(o.command) != 1 {
			return errors.New("say what to do: policies [--name NAME] on|off")
		}
		return c.Policies(o.command[0])
	case "postgres":
		return c.Postgres(ctx, os.Stdout)
	case "standby":
		return c.PostgresStandby(ctx, os.Stdout)
	case "logs":
		return c.Logs(o.as, o.lines)
	}
	return fmt.Errorf("no command %q\n%s", action, usage)
}

func main() {
	if len(os.Args) < 2 || os.Args[1] == "help" || os.Args[1] == "-h" || os.Args[1] == "--help" {
		fmt.Print(usage)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	o, err := parse(os.Args[2:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, os.Args[1], o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		stop()
		os.Exit(1)
	}
}
