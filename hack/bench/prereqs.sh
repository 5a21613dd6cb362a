#!/bin/sh
# Installs the programs that `make bench-gateway` compares the gateway with, on Debian or Ubuntu, and only what is missing.
set -eu

missing=""
need() { # package, program that shows it is there, what it is for
	if command -v "$2" >/dev/null 2>&1 || [ -x "/usr/sbin/$2" ]; then return; fi
	echo "installing $1: $3" >&2
	missing="$missing $1"
}

need nginx-light nginx   "the carrier of all measurements, and a proxy to compare with"
need haproxy     haproxy "a proxy to compare with"
need util-linux  taskset "ties each program to its core"

[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "run this as root: apt-get has to install$missing" >&2; exit 1; }

# Debian would start both as services of the machine; only the programs are wanted.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >&2
for service in nginx haproxy; do
	case "$missing" in
	*$service*) systemctl disable --quiet "$service" 2>/dev/null || true ;; # nor at the next boot
	esac
done
