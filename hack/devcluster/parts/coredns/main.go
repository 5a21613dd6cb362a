// Command coredns is CoreDNS with the few plugins the development cluster uses:
// a build with all of them takes minutes longer.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"
)

// The order is the order in which a query passes the plugins. It is CoreDNS's own but for hosts, which
// comes before template: a template may then answer for all names that hosts does not know.
func init() {
	dnsserver.Directives = []string{
		"reload", "bind", "ready", "health", "errors", "log",
		"cache", "hosts", "template", "kubernetes", "loop", "forward",
	}
}

func main() { coremain.Run() }
