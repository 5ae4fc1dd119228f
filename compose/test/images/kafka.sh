#!/bin/sh
# Reads KAFKA_* as the official image does: KAFKA_NODE_ID is node.id.
set -e
env | while IFS='=' read -r name value; do
  case $name in
    KAFKA_HEAP_OPTS) ;;
    KAFKA_*) echo "$(echo "${name#KAFKA_}" | tr A-Z_ a-z.)=$value" ;;
  esac
done > /tmp/server.properties
run() { /jre/bin/java -cp '/jars/*' "$@"; }
[ -e "$KAFKA_LOG_DIRS/meta.properties" ] ||
  run kafka.tools.StorageTool format -t "$CLUSTER_ID" -c /tmp/server.properties
# shellcheck disable=SC2086
exec /jre/bin/java $KAFKA_HEAP_OPTS -cp '/jars/*' kafka.Kafka /tmp/server.properties
