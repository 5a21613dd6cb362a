// Command carriersim runs the carrier simulator as a process: test equipment, see package carriersim for what it plays and
// Server.ControlHandler for the control API.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/carrier-operator/carrier-operator/test/carriersim"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "carriersim:", err)
		os.Exit(1)
	}
}

func run() error {
	opts := carriersim.Options{
		Hosts: map[string]carriersim.Carrier{},
		Log:   slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	var accountsFile, clientCAFile string
	appendTo := func(list *[]string) func(string) error {
		return func(v string) error { *list = append(*list, v); return nil }
	}
	flag.Func("listen", "TLS address `host:port` of the carriers; may be given several times (default 127.0.0.1:0)", appendTo(&opts.Listen))
	flag.StringVar(&opts.Control, "control", "127.0.0.1:0", "`address` of the control API, plain HTTP: host:port or unix:/path; empty for none")
	flag.StringVar(&opts.CADir, "ca-dir", "", "`folder` of ca.crt and ca.key, written if both are missing (default: a CA in memory)")
	flag.Func("host", "`name[=carrier]` to play besides the built-in ones; carrier is ups, fedex, apikey, basic or all (default all)",
		func(v string) error {
			name, carrier, found := strings.Cut(v, "=")
			if !found {
				carrier = string(carriersim.All)
			}
			opts.Hosts[strings.ToLower(name)] = carriersim.Carrier(carrier)
			return nil
		})
	flag.StringVar(&accountsFile, "accounts", "", "`file` with a JSON list of accounts; more can be put over the control API")
	flag.StringVar(&clientCAFile, "client-ca", "", "PEM `file` of authorities; client certificates of theirs are demanded")
	flag.Func("client-auth-host", "`name` where a client certificate is demanded; several times (default: everywhere)",
		appendTo(&opts.ClientAuth.Hosts))
	flag.IntVar(&opts.Settings.UPSTokenLifetimeSeconds, "ups-token-lifetime", 0, "`seconds` (default 14399)")
	flag.IntVar(&opts.Settings.UPSTokenRequestsPerMinute, "ups-token-limit", 0, "token `requests` a client and minute (default 60)")
	flag.IntVar(&opts.Settings.FedExTokenLifetimeSeconds, "fedex-token-lifetime", 0, "`seconds` (default 3600)")
	flag.IntVar(&opts.Settings.FedExDailyQuota, "fedex-daily-quota", 0, "`requests` an account and GMT day (default 500000)")
	flag.IntVar(&opts.MaxReceived, "max-received", 0, "`requests` to keep for GET /received (default 10000)")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}

	if accountsFile != "" {
		data, err := os.ReadFile(accountsFile)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &opts.Accounts); err != nil {
			// The decoder's own message could quote a secret.
			return fmt.Errorf("%s is not a JSON list of accounts [{carrier, id, secret}]", accountsFile)
		}
	}
	if clientCAFile != "" {
		data, err := os.ReadFile(clientCAFile)
		if err != nil {
			return err
		}
		opts.ClientAuth.CAPEM = string(data)
	} else if len(opts.ClientAuth.Hosts) > 0 {
		return errors.New("--client-auth-host needs --client-ca")
	}

	server, err := carriersim.New(opts)
	if err != nil {
		return err
	}
	// One line on stdout for whoever started the process on free ports.
	ready, err := json.Marshal(map[string]any{"addresses": server.Addrs(), "control": server.ControlAddr()})
	if err != nil {
		return err
	}
	fmt.Println(string(ready))
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	return server.Close()
}
