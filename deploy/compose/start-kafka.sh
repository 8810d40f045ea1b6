#!/bin/sh
# Format the volume, if it is new, and become Kafka. With CLUSTER_ID of another installation Kafka refuses.
set -eu
settings=/etc/watchroom/kafka.properties
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id "$CLUSTER_ID" --config "$settings"
exec /opt/kafka/bin/kafka-server-start.sh "$settings"
