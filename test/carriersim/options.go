package carriersim

import (
	"fmt"
	"log/slog"
	"maps"
	"time"

	"k8s.io/utils/clock"
)

// Carrier says whose API a host plays.
type Carrier string

// The carriers that can be played. All is for addresses that stand for every carrier, such as localhost.
const (
	UPS    Carrier = "ups"
	FedEx  Carrier = "fedex"
	APIKey Carrier = "apikey"
	Basic  Carrier = "basic"
	All    Carrier = "all"
)

// Host names that exist without being asked for. The three fault hosts play every carrier and always present the
// certificate that their name says.
const (
	HostUPS          = "onlinetools.ups.com"
	HostUPSSandbox   = "wwwcie.ups.com"
	HostFedEx        = "apis.fedex.com"
	HostFedExSandbox = "apis-sandbox.fedex.com"
	HostAPIKey       = "apikey.carrier.example"
	HostBasic        = "basic.carrier.example"
	HostExpired      = "expired.carrier.example"
	HostWrongName    = "wrong-name.carrier.example"
	HostUnknownCA    = "unknown-ca.carrier.example"
)

func builtinHosts() map[string]Carrier {
	return map[string]Carrier{
		HostUPS: UPS, HostUPSSandbox: UPS,
		HostFedEx: FedEx, HostFedExSandbox: FedEx,
		HostAPIKey: APIKey, HostBasic: Basic,
		HostExpired: All, HostWrongName: All, HostUnknownCA: All,
		"localhost": All, "127.0.0.1": All, "::1": All,
	}
}

// Options configure a Server. The zero value listens on a free loopback port with no account and no control API.
type Options struct {
	// Listen holds the TLS addresses, host:port. Default 127.0.0.1:0.
	Listen []string
	// Control is where the control API listens in plain HTTP: host:port, or unix:/path. Empty: nowhere.
	Control string
	// Hosts are names to play besides the built-in ones.
	Hosts map[string]Carrier
	// CADir keeps ca.crt and ca.key: read if both exist, else written. Empty: a CA in memory.
	CADir string
	// ClientAuth demands client certificates from the start.
	ClientAuth ClientAuth
	// Accounts that exist from the start.
	Accounts []Account
	// Settings at the start; zero fields take the value of DefaultSettings.
	Settings Settings
	// MaxReceived is how many requests Received keeps, oldest dropped first. Default 10000.
	MaxReceived int
	// Clock decides about expiry, windows and delays. Default the wall clock.
	Clock clock.Clock
	// Log takes one line a request: host, operation, status. Never a header, query, body or secret. Default: nowhere.
	Log *slog.Logger
}

// Settings are the limits and lifetimes that can change at run time. In a change, 0 means: as before.
type Settings struct {
	// UPSTokenLifetimeSeconds is the life of a UPS token. Default 14399, what UPS sends (4 h).
	UPSTokenLifetimeSeconds int `json:"upsTokenLifetimeSeconds,omitempty"`
	// UPSTokenRequestsPerMinute is how many token requests a client may make in 60 s before it gets 429 with code 10429. UPS
	// publishes no figure. Default 60.
	UPSTokenRequestsPerMinute int `json:"upsTokenRequestsPerMinute,omitempty"`
	// FedExTokenLifetimeSeconds is the life of a FedEx token. Default 3600.
	FedExTokenLifetimeSeconds int `json:"fedexTokenLifetimeSeconds,omitempty"`
	// FedExDailyQuota is how many API requests an account may make in a GMT day before it gets 429. Default 500000.
	FedExDailyQuota int `json:"fedexDailyQuota,omitempty"`
}

// DefaultSettings are the carriers' published values as far as they publish any.
func DefaultSettings() Settings {
	return Settings{
		UPSTokenLifetimeSeconds:   14399,
		UPSTokenRequestsPerMinute: 60,
		FedExTokenLifetimeSeconds: 3600,
		FedExDailyQuota:           500_000,
	}
}

// over returns base with the non-zero fields of s.
func (s Settings) over(base Settings) (Settings, error) {
	for _, f := range []struct {
		name  string
		value int
		into  *int
	}{
		{"upsTokenLifetimeSeconds", s.UPSTokenLifetimeSeconds, &base.UPSTokenLifetimeSeconds},
		{"upsTokenRequestsPerMinute", s.UPSTokenRequestsPerMinute, &base.UPSTokenRequestsPerMinute},
		{"fedexTokenLifetimeSeconds", s.FedExTokenLifetimeSeconds, &base.FedExTokenLifetimeSeconds},
		{"fedexDailyQuota", s.FedExDailyQuota, &base.FedExDailyQuota},
	} {
		if f.value < 0 {
			return base, fmt.Errorf("%s is %d, must not be negative", f.name, f.value)
		}
		if f.value > 0 {
			*f.into = f.value
		}
	}
	return base, nil
}

func (o Options) withDefaults() (Options, error) {
	if len(o.Listen) == 0 {
		o.Listen = []string{"127.0.0.1:0"}
	}
	if o.MaxReceived <= 0 {
		o.MaxReceived = 10_000
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	hosts := builtinHosts()
	maps.Copy(hosts, o.Hosts)
	o.Hosts = hosts
	for host, c := range hosts {
		if c != All && !c.known() {
			return o, fmt.Errorf("host %s: unknown carrier %q, use ups, fedex, apikey, basic or all", host, c)
		}
	}
	var err error
	o.Settings, err = o.Settings.over(DefaultSettings())
	return o, err
}

func (c Carrier) known() bool {
	return c == UPS || c == FedEx || c == APIKey || c == Basic
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
