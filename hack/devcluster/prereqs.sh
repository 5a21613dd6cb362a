#!/bin/sh
# Installs what a development cluster needs on Debian or Ubuntu, and only what is missing.
# Go itself is not among it: https://go.dev/dl
set -eu

missing=""
need() { # package, file or program that shows it is there, what it is for
	if command -v "$2" >/dev/null 2>&1 || [ -e "$2" ]; then return; fi
	echo "installing $1: $3"
	missing="$missing $1"
}

need ca-certificates /etc/ssl/certs/ca-certificates.crt "trusted authorities, for Go's downloads and for images"
need git             git        "Go modules that come from repositories"
need make            make       "the Makefile"
need gcc             gcc        "compiles runc's part in C"
need libc6-dev       /usr/include/stdio.h "headers for it"
need libseccomp-dev  /usr/include/seccomp.h "system call filters of containers (runc)"
need pkg-config      pkg-config "finds libseccomp"
need iproute2        ip         "network namespaces and their wires"
need util-linux      nsenter    "enters namespaces"
need mount           mount      "mounts of the node"
need kmod            modprobe   "loads kernel modules where they are not built in"
need iptables        iptables   "NetworkPolicy (kube-router)"
need ipset           ipset      "NetworkPolicy (kube-router)"
need nftables        nft        "Services (kube-proxy) and address translation"
need conntrack       conntrack  "kube-proxy drops stale connections"
need redis-server    redis-server "tests of limits that replicas count together"
need mariadb-server  /usr/sbin/mariadbd "tests of the purger with MariaDB"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
	need postgresql /nonexistent "the database of the demo, started with \`devcluster postgres\`"

if [ -z "$missing" ]; then
	echo "all packages are there"
	exit 0
fi
[ "$(id -u)" = 0 ] || { echo "run this as root: apt-get has to install$missing" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# Debian's postgresql would start a server of its own; only its programs are wanted.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
# The same goes for redis-server and mariadb-server: tests run it themselves, on ports of their own.
[ -e /usr/sbin/policy-rc.d ] || {
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing
