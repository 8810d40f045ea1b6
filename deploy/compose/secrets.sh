#!/bin/sh
# Make what must be this installation's own: .env with a cluster id, and Grafana's first password.
# What is there already is left as it is. The password is printed nowhere; the last line says where it stands.
set -eu
cd "$(dirname "$0")/../.."

random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

umask 077
mkdir -p secrets
if [ ! -s secrets/grafana_admin_password ]; then
    random 24 >secrets/grafana_admin_password
    # Grafana's own user in the container reads it through a mount of this one file; the folder keeps others out.
    chmod 444 secrets/grafana_admin_password
fi
[ -e .env ] || cp .env.example .env
if grep -q '^CLUSTER_ID=$' .env; then
    # 16 random bytes in 22 letters, as Kafka writes its own; the first is a letter, so that no flag is made.
    id=W$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | cut -c1-20)Q
    sed "s/^CLUSTER_ID=\$/CLUSTER_ID=$id/" .env >.env.new
    mv .env.new .env
fi
echo 'Grafana: user admin, password in secrets/grafana_admin_password. Settings: .env'
