// Command caddy is Caddy with the modules of a reverse proxy and no others: a proxy for `make bench-gateway` to compare with.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/caddytls"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "caddy:", err)
		os.Exit(1)
	}
}

// run serves a configuration in Caddy's JSON form until it is told to end.
func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: caddy CONFIG.json")
	}
	config, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, os.Interrupt)
	if err := caddy.Load(config, true); err != nil {
		return err
	}
	<-end
	return caddy.Stop()
}
