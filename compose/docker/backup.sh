#!/bin/sh
# Saves and restores the data that cannot be recreated: the volumes of the proxies (secrets, event log), the key of the users, of Kafka (events) and of
# Redis (totals, which outlive the events they were folded from), and .env. Prometheus, Tempo and Grafana start empty.
set -eu

usage() {
  cat <<'EOF'
usage: compose/docker/backup.sh save DIR | restore DIR

Saves and restores secrets, events and totals of the stack.

  save DIR      stops the stack, writes DIR/env (a copy of .env) and DIR/<service>.tar.gz for each of proxy, proxy-2, users-key,
                kafka and redis in the compose files, and starts what was running
  restore DIR   fills these volumes, which must be new or empty; run docker compose up -d afterwards

Run it in the folder of compose.yaml. It respects COMPOSE_FILE and COMPOSE_PROJECT_NAME. DIR contains the secrets: protect it.
EOF
}

fail() {
  echo "backup: $1" >&2
  exit 1
}

compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

# Runs a command in the image of the service, as its user, on its volume, and starts no other service.
within() {
  service=$1 command=$2
  shift 2
  compose run --rm --no-deps -T --entrypoint "$command" "$service" "$@"
}

folder_of() {
  case $1 in
  proxy | proxy-2 | redis) echo /data ;;
  users-key) echo /keys ;;
  kafka) echo /var/lib/kafka/data ;;
  esac
}

needs_docker() {
  docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null ||
    fail 'docker compose is missing: install Docker with Compose, or run this script on the host of the stack'
}

# Sets services: those of the compose files that are saved. A proxy alone has no Kafka.
look() {
  all=$(compose config --services) ||
    fail 'docker compose cannot read the compose files: run this script in the folder of compose.yaml'
  services=$(echo "$all" | grep -x -e proxy -e proxy-2 -e users-key -e kafka -e redis) ||
    fail 'the compose files have none of proxy, proxy-2, users-key, kafka, redis: run this script in the folder of compose.yaml'
}

# The proxies of a fleet share the network of the service address, which must run.
hold() {
  if echo "$all" | grep -qx address; then compose up -d address; fi
}

save() {
  needs_docker
  look
  running=$(compose ps --services --status running) || fail 'docker compose ps failed (see above); nothing was stopped'
  umask 077
  mkdir -p "$1"
  # On every exit the services that ran start again, and no others. Not every sh runs EXIT after a signal.
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # shellcheck disable=SC2086,SC2064
  [ -z "$running" ] || trap "compose up -d $(echo $running)" EXIT
  if [ -f .env ]; then cp .env "$1/env"; fi
  compose stop
  hold
  for service in $services; do
    file=$1/$service.tar.gz
    within "$service" tar -C "$(folder_of "$service")" -czf - . >"$file"
    gzip -t "$file" || fail "$file is incomplete: check the free disk space, then save again"
    echo "saved $file"
  done
}

restore() {
  [ -d "$1" ] || fail "$1 is not a folder: give the folder that save has written"
  needs_docker
  # First, because compose reads its settings.
  if [ -f "$1/env" ] && [ ! -f .env ]; then (umask 077 && cp "$1/env" .env && echo 'restored .env'); fi
  look
  # Backups of version 0.2 have no users in Kafka, and no key.
  [ -f "$1/users-key.tar.gz" ] || services=$(echo "$services" | grep -vx users-key)
  for service in $services; do
    [ -f "$1/$service.tar.gz" ] || fail "$1/$service.tar.gz is missing"
  done
  hold
  for service in $services; do
    there=$(within "$service" ls -A "$(folder_of "$service")") || fail "cannot read the volume of $service (see above)"
    [ -z "$there" ] ||
      fail "the volume of $service is not empty: restore on a new machine, or delete all volumes with docker compose down --volumes"
  done
  for service in $services; do
    within "$service" tar -C "$(folder_of "$service")" -xzf - <"$1/$service.tar.gz"
    echo "restored $service"
  done
}

case ${1:-} in
-h | --help) usage ;;
save | restore)
  [ $# -eq 2 ] || { usage >&2 && exit 2; }
  "$@"
  ;;
*) usage >&2 && exit 2 ;;
esac
