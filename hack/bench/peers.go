package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
)

// setup is what one proxy is started for.
type setup struct {
	mode     mode
	upstream int    // port of the carrier
	port     int    // for clients, on loopback
	dir      string // for its files
}

func (s setup) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// header is the header by which the proxy authenticates with the carrier.
func (s setup) header() (name, value string) {
	if s.mode.token {
		return "Authorization", "Bearer " + bearerToken
	}
	return staticHeader, clientSecret
}

// peer is a proxy of the comparison.
type peer struct {
	name    string
	version string
	gateway bool   // it can do what the peers cannot
	absent  string // why it cannot be measured; empty: it can
	start   func(*environment, setup) (*process, error)
}

const gatewayName = "gateway"

// startNginx: one worker, keep-alive with the carrier, name and CA checked, sessions reused; answers are never spooled to disk.
func startNginx(e *environment, s setup) (*process, error) {
	name, value := s.header()
	access, listen, tls := "off", "", ""
	if s.mode.log {
		access = filepath.Join(s.dir, "access.log") + " record"
	}
	if s.mode.clientTLS {
		listen = " ssl"
		tls = fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s; ssl_client_certificate %s; ssl_verify_client on; ssl_session_cache shared:tls:8m;",
			e.serverPair.cert, e.serverPair.key, e.ca.caFile())
	}
	config := fmt.Sprintf(`daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid %[1]s/pid; error_log stderr warn;
events { worker_connections 8192; }
http {
  log_format record escape=json '{"time":"$time_iso8601","method":"$request_method","route":"$uri","status":$status,"bytesIn":$request_length,'
    '"bytesOut":$body_bytes_sent,"duration":$request_time,"carrier":"$upstream_response_time","carrierHost":"%[2]s"}';
  access_log %[3]s; server_tokens off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  client_body_buffer_size 64k; client_max_body_size 1m; keepalive_requests 100000000; keepalive_timeout 600s;
  ssl_protocols TLSv1.3;
  upstream carrier { server 127.0.0.1:%[4]d; keepalive 256; keepalive_requests 100000000; keepalive_timeout 600s; }
  server {
    listen 127.0.0.1:%[5]d%[6]s; %[7]s
    location / {
      proxy_pass https://carrier; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host %[2]s; proxy_set_header %[8]s "%[9]s";
      proxy_ssl_verify on; proxy_ssl_trusted_certificate %[10]s; proxy_ssl_name %[2]s; proxy_ssl_server_name on;
      proxy_ssl_certificate %[11]s; proxy_ssl_certificate_key %[12]s; proxy_ssl_session_reuse on; proxy_ssl_protocols TLSv1.3;
      proxy_max_temp_file_size 0; proxy_buffers 16 16k;
    }
  }
}
`, s.dir, carrierName, access, s.upstream, s.port, listen, tls, name, value, e.ca.caFile(), e.clientPair.cert, e.clientPair.key)
	file := filepath.Join(s.dir, "nginx.conf")
	if err := writeFiles(map[string][]byte{file: []byte(config)}); err != nil {
		return nil, err
	}
	return startPinned(e.proxyCore, filepath.Join(s.dir, "log"), nil, e.nginx, "-p", s.dir, "-c", file)
}

// startHaproxy: one thread, connections to the carrier shared by all clients; sni names the host whose certificate is wanted.
func startHaproxy(e *environment, s setup) (*process, error) {
	name, value := s.header()
	bind, log := "", ""
	if s.mode.clientTLS {
		bind = fmt.Sprintf(" ssl crt %s ca-file %s verify required ssl-min-ver TLSv1.3", e.serverPair.both, e.ca.caFile())
	}
	if s.mode.log {
		log = `  log stdout format raw local0
  log-format '{"time":"%tr","method":"%HM","route":"%HP","status":%ST,"bytesIn":%U,"bytesOut":%B,"duration":%Ta,"carrier":%Tr,"carrierHost":"%s"}'
`
	}
	config := fmt.Sprintf(`global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  http-reuse always
frontend clients
  bind 127.0.0.1:%d%s
%s  http-request set-header Host %s
  http-request set-header %s "%s"
  default_backend carrier
backend carrier
  server carrier 127.0.0.1:%d ssl verify required ca-file %s crt %s sni str(%s) verifyhost %s ssl-min-ver TLSv1.3 pool-max-conn 512
`, s.port, bind, log, carrierName, name, value, s.upstream, e.ca.caFile(), e.clientPair.both, carrierName, carrierName)
	file := filepath.Join(s.dir, "haproxy.cfg")
	if err := writeFiles(map[string][]byte{file: []byte(config)}); err != nil {
		return nil, err
	}
	return startPinned(e.proxyCore, filepath.Join(s.dir, "log"), nil, e.haproxy, "-db", "-f", file)
}

type object = map[string]any

// startCaddy: HTTP/1.1 on both legs and the collector's setting that suits it best.
func startCaddy(e *environment, s setup) (*process, error) {
	name, value := s.header()
	files := object{"provider": "file", "pem_files": []string{e.ca.caFile()}}
	server := object{
		"listen": []string{s.address()}, "protocols": []string{"h1"}, "automatic_https": object{"disable": true},
		"routes": []object{{"handle": []object{{
			"handler":   "reverse_proxy",
			"upstreams": []object{{"dial": fmt.Sprintf("127.0.0.1:%d", s.upstream)}},
			"headers":   object{"request": object{"set": object{"Host": []string{carrierName}, name: []string{value}}}},
			"transport": object{
				"protocol": "http", "versions": []string{"1.1"}, "compression": false,
				"keep_alive": object{"enabled": true, "max_idle_conns": 512, "max_idle_conns_per_host": 256, "idle_timeout": "600s"},
				"tls": object{"server_name": carrierName, "ca": files,
					"client_certificate_file": e.clientPair.cert, "client_certificate_key_file": e.clientPair.key},
			},
		}}}},
	}
	apps, logs := object{"http": object{"servers": object{"clients": server}}}, object{"default": object{"level": "WARN"}}
	if s.mode.clientTLS {
		server["strict_sni_host"] = false // clients connect to an address, which has no SNI
		server["tls_connection_policies"] = []object{{"client_authentication": object{"mode": "require_and_verify", "ca": files}, "alpn": []string{"http/1.1"}}}
		apps["tls"] = object{"certificates": object{"load_files": []object{{"certificate": e.serverPair.cert, "key": e.serverPair.key}}}}
	}
	if s.mode.log {
		server["logs"] = object{}
		logs["access"] = object{"level": "INFO", "include": []string{"http.log.access"}, "writer": object{"output": "stdout"}, "encoder": object{"format": "json"}}
		logs["default"] = object{"level": "WARN", "exclude": []string{"http.log.access"}}
	}
	config, err := json.Marshal(object{"admin": object{"disabled": true, "config": object{"persist": false}}, "logging": object{"logs": logs}, "apps": apps})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, "caddy.json")
	if err := writeFiles(map[string][]byte{file: config}); err != nil {
		return nil, err
	}
	env := []string{"GOGC=400", "XDG_DATA_HOME=" + s.dir, "XDG_CONFIG_HOME=" + s.dir}
	return startPinned(e.proxyCore, filepath.Join(s.dir, "log"), env, e.caddy, file)
}
