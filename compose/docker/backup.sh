#!/bin/sh
# Saves what cannot be made again, and puts it back: the volumes of the proxies (secrets, log), of Kafka (the events) and of
# Redis (the numbers, which outlive the events they were folded from), and .env. Prometheus, Tempo and Grafana begin anew.
set -eu

usage() {
  cat <<'EOF'
backup: saves secrets, events and numbers of the stack, and puts them back

  compose/docker/backup.sh save DIR      stops the stack for as long as it takes, writes DIR/env (what .env has) and for each
                                  of proxy, proxy-2, kafka, redis that is in the compose files DIR/<service>.tar.gz
  compose/docker/backup.sh restore DIR   where these volumes are new or empty; afterwards: docker compose up -d

Run it where you run docker compose. COMPOSE_FILE and COMPOSE_PROJECT_NAME are honoured, as compose does. What it writes
holds the secrets: keep it as you keep those.
EOF
}

fail() {
  echo "backup: $1" >&2
  exit 1
}

compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

# A command of the service's own image, as its own user, on its volume; nothing else is started for it.
within() {
  service=$1 command=$2
  shift 2
  compose run --rm --no-deps -T --entrypoint "$command" "$service" "$@"
}

folder_of() {
  case $1 in
  proxy | proxy-2 | redis) echo /data ;;
  kafka) echo /var/lib/kafka/data ;;
  esac
}

needs_docker() {
  docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null ||
    fail 'docker compose is missing: install Docker with Compose, or run this where the stack runs'
}

# Sets services: what is saved of those in these compose files, as a proxy alone has no Kafka.
look() {
  all=$(compose config --services) ||
    fail 'docker compose cannot read the compose files: run this where compose.yaml is'
  services=$(echo "$all" | grep -x -e proxy -e proxy-2 -e kafka -e redis) ||
    fail 'the compose files have none of proxy, proxy-2, kafka, redis: run this where compose.yaml is'
}

# Proxies of a fleet live in a network that has to be there.
hold() {
  if echo "$all" | grep -qx address; then compose up -d address; fi
}

save() {
  needs_docker
  look
  running=$(compose ps --services --status running) || fail 'docker compose ps failed: see above; nothing was stopped'
  umask 077
  mkdir -p "$1"
  # Whatever happens, people are let in again, and nothing runs that did not. Not every sh runs EXIT after a signal.
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
    gzip -t "$file" || fail "$file was not written whole"
    echo "saved $file"
  done
}

restore() {
  [ -d "$1" ] || fail "$1 is not a folder: name the one that save has written"
  needs_docker
  # First: compose asks it for the settings.
  if [ -f "$1/env" ] && [ ! -f .env ]; then (umask 077 && cp "$1/env" .env && echo 'restored .env'); fi
  look
  for service in $services; do
    [ -f "$1/$service.tar.gz" ] || fail "$1/$service.tar.gz is missing"
  done
  hold
  for service in $services; do
    there=$(within "$service" ls -A "$(folder_of "$service")") || fail "the volume of $service cannot be read: see above"
    [ -z "$there" ] ||
      fail "the volume of $service is not empty; docker compose down --volumes throws all volumes away"
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
