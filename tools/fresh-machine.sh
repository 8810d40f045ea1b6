#!/usr/bin/env bash
# Try a make target where nobody has been: a bare Debian 12, with Python, make and git and no more.
#
#   tools/fresh-machine.sh REPOSITORY TARGET [VAR=VALUE ...]
#   tools/fresh-machine.sh . test ARGS='-x tests/house'
#
# Clones REPOSITORY (what is committed, and nothing else) into a root of its own and runs `make TARGET`
# there, prints the time it took, and exits with its code. Needs root, for chroot; debootstrap is installed
# if it is missing. Files, processes and mounts are the new machine's own and end with it; the network is
# the host's, so a port that is taken here is taken there. pip reaches its index as it does on the host:
# CA certificates are copied, and PIP_*, *_proxy, SSL_CERT_FILE and REQUESTS_CA_BUNDLE are passed on.
#
#   PACKAGES   what that machine has beyond Debian's minimum
#              (python3 python3-venv make ca-certificates git)
#   VISITOR=1  run as an ordinary user there, who can't become root, instead of as root
#   KEEP=1     leave the root's files behind, and say where
set -euo pipefail

SUITE=bookworm
PACKAGES=${PACKAGES:-python3 python3-venv make ca-certificates git}
CACHE=${CACHE:-/var/tmp}
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

[[ $# -ge 2 ]] || die 'Usage: tools/fresh-machine.sh REPOSITORY TARGET [VAR=VALUE ...]'
[[ $(id -u) -eq 0 ]] || die 'tools/fresh-machine.sh makes a root of its own, which takes root: say it with sudo.'
repository=$(git -C "$1" rev-parse --show-toplevel) || die "$1 is no git repository."
shift

# ------------------------------------------------------- alone: a process and mount space of our own

# When the first process of a process space ends, the kernel ends all of them and drops the mounts: a
# broker left running, or an interrupt at any moment, leaves nothing behind.
if [[ -z ${WATCHROOM_FRESH_ROOT:-} ]]; then
    WATCHROOM_FRESH_ROOT=$(mktemp -d /var/tmp/watchroom-fresh.XXXXXX)
    export WATCHROOM_FRESH_ROOT
    # shellcheck disable=SC2317 # called by the trap
    leave() {
        rm -f "$WATCHROOM_FRESH_ROOT.log"
        if [[ -n ${KEEP:-} ]]; then
            say "The root is kept: $WATCHROOM_FRESH_ROOT"
        else
            rm -rf --one-file-system "$WATCHROOM_FRESH_ROOT" || { sleep 2 && rm -rf --one-file-system "$WATCHROOM_FRESH_ROOT"; }
        fi
    }
    trap leave EXIT
    unshare --mount --pid --fork --kill-child "$0" "$repository" "$@" &
    trap 'kill -KILL $!; wait $! || true; exit 130' INT TERM HUP
    status=0
    wait $! || status=$?
    exit "$status"
fi
root=$WATCHROOM_FRESH_ROOT

# ------------------------------------------------------------------------------- the bare machine

make_base() {
    if ! command -v debootstrap >/dev/null; then
        say 'Installing debootstrap.'
        { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install debootstrap; } >"$root.log" 2>&1 ||
            { tail -n 20 "$root.log"; die 'debootstrap could not be installed.'; }
    fi
    say "Making a bare Debian 12 with ${PACKAGES// /, } (once; kept as $base)."
    debootstrap --variant=minbase --include="${PACKAGES// /,}" "$SUITE" "$root" >"$root.log" 2>&1 ||
        { tail -n 20 "$root.log"; die 'debootstrap failed, as above.'; }
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root.log"
    tar --one-file-system -C "$root" -cf "$base.part.$$" .
    mv "$base.part.$$" "$base"
}

base=$CACHE/watchroom-debian12.tar
[[ $PACKAGES == 'python3 python3-venv make ca-certificates git' ]] ||
    base=$CACHE/watchroom-debian12-$(cksum <<<"$PACKAGES" | cut -d' ' -f1).tar

if [[ -e $base ]]; then
    say "Unpacking $base."
    tar -C "$root" -xf "$base"
else
    make_base
fi
chmod 755 "$root"

# --------------------------------------------------------------------------- its way to the network

cp -L /etc/resolv.conf /etc/hosts "$root/etc/"

# The host's bundle under its usual name, and wherever else a variable that we pass on points.
for file in "$CERTIFICATES" "${SSL_CERT_FILE:-}" "${REQUESTS_CA_BUNDLE:-}" "${PIP_CERT:-}"; do
    if [[ -f $file ]]; then
        mkdir -p "$root$(dirname "$file")"
        cat "$file" >"$root$file"
    fi
done

passed=()
while IFS='=' read -r -d '' name value; do
    case $name in
        # A folder of wheels has to be there to be looked into.
        PIP_FIND_LINKS)
            [[ ! -d $value ]] || { mkdir -p "$root$value" && cp -a "$value/." "$root$value"; }
            passed+=("$name=$value")
            ;;
        PIP_* | *_proxy | *_PROXY | SSL_CERT_FILE | REQUESTS_CA_BUNDLE) passed+=("$name=$value") ;;
    esac
done < <(env -0)

# ------------------------------------------------------------------------ the mounts that it needs

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755,size=1m dev "$root/dev"
for node in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
    read -r name major minor <<<"$node"
    mknod -m 666 "$root/dev/$name" c "$major" "$minor"
done
ln -s /proc/self/fd "$root/dev/fd"
for n in 0 1 2; do ln -s "/proc/self/fd/$n" "$root/dev/$(printf 'stdin\nstdout\nstderr\n' | sed -n "$((n + 1))p")"; done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"

# ------------------------------------------------------------------------------------- the visit

user=root home=/root
if [[ -n ${VISITOR:-} ]]; then
    user=visitor home=/home/visitor
    chroot "$root" useradd --create-home --shell /bin/bash visitor
fi

git clone --quiet --no-hardlinks "$repository" "$root$home/watchroom"
chroot "$root" chown -R "$user:" "$home/watchroom"
commit=$(git -C "$repository" log -1 --format='%h, "%s"')
changed=$(git -C "$repository" status --porcelain | wc -l)
[[ $changed -eq 0 ]] || say "Note: $changed changed paths in $repository are not committed, so not tried."

say "Trying 'make $*' as $user on a bare Debian 12, at $commit."
say '----------------------------------------------------------------'
began=$(date +%s)
status=0
# No `exec`: this shell is the first process of its space, and its end is what clears up.
chroot --userspec="$user" "$root" \
    env -i HOME="$home" USER="$user" LANG=C.UTF-8 TERM="${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${passed[@]+"${passed[@]}"} \
    /bin/sh -c 'cd ~/watchroom && exec make "$@"' make "$@" </dev/null || status=$?
took=$(($(date +%s) - began))
say '----------------------------------------------------------------'
say "'make $*' took $((took / 60)) min $((took % 60)) s and ended with $status."
exit "$status"
