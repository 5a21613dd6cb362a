#!/bin/sh
# Installs the programs that `make bench-purge` needs, on Debian or Ubuntu, and only what is missing. It starts no service: the
# benchmark starts servers of its own.
set -eu

missing=""
need() { # package, program that shows it is there, what it is for
	if command -v "$2" >/dev/null 2>&1; then return; fi
	for place in /usr/sbin /usr/lib/postgresql/*/bin; do
		if [ -x "$place/$2" ]; then return; fi
	done
	echo "installing $1: $3" >&2
	missing="$missing $1"
}

need mariadb-server     mariadbd    "a store to purge"
need percona-toolkit    pt-archiver "a purger to compare with"
need postgresql         postgres    "a store to purge"
need postgresql-contrib pgbench     "the load that a purge must not disturb"
if ! perl -MDBD::mysql -e 1 2>/dev/null; then
	echo "installing libdbd-mysql-perl: pt-archiver's way to MariaDB" >&2
	missing="$missing libdbd-mysql-perl"
fi

[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "run this as root: apt-get has to install$missing" >&2; exit 1; }

# Debian would start both servers as services of the machine; only the programs are wanted.
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
for service in mariadb postgresql; do
	case "$missing" in
	*$service*) systemctl disable --quiet "$service" 2>/dev/null || true ;; # nor at the next boot
	esac
done
