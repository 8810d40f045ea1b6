#!/usr/bin/env bash
# Have what the tests need besides Python (.ci/tools): install what is missing as root or by sudo, and say so.
# Ends with 1, naming the packages, where that can't be done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Read with process substitution, so that nothing in the loop can eat the list.
missing_packages() {
    while read -r command package; do
        command -v "$command" >/dev/null || printf '%s\n' "$package"
    done < <(grep -Ev '^ *(#|$)' .ci/tools) | sort -u
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
sudo=()
[[ $(id -u) -eq 0 ]] || sudo=(sudo -n)

# Debian starts a server as it installs it; a test starts its own, on its own port.
install() {
    local policy=/usr/sbin/policy-rc.d ours=
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
        "${sudo[@]}" chmod +x "$policy"
        ours=$policy
    fi
    local status=0
    { "${sudo[@]}" apt-get -q update &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends "$@"; } \
        >"$log" 2>&1 || status=$?
    [[ -z $ours ]] || "${sudo[@]}" rm -f "$ours"
    [[ $status -eq 0 ]] || tail -n 20 "$log"
    return "$status"
}

mapfile -t packages < <(missing_packages)
[[ ${#packages[@]} -gt 0 ]] || exit 0
if command -v apt-get >/dev/null && { [[ $(id -u) -eq 0 ]] || sudo -n true 2>/dev/null; }; then
    echo "Installing what the tests need: ${packages[*]}."
    install "${packages[@]}"
    mapfile -t packages < <(missing_packages)
fi
if [[ ${#packages[@]} -gt 0 ]]; then
    echo "The tests need ${packages[*]}, and skip nothing: apt-get install ${packages[*]}"
    exit 1
fi
