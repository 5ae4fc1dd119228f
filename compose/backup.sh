#!/bin/sh
# Saves what cannot be made again, and puts it back: the volumes of the proxies (secrets, log), of Kafka (the events) and of
# Redis (the numbers, which outlive the events they were folded from), and .env. Prometheus, Tempo and Grafana begin anew.
set -eu

usage() {
  cat <<'EOF'
backup: saves secrets, events and numbers of the stack, and puts them back

  compose/backup.sh save DIR      stops the stack for as long as it takes, writes DIR/env (what .env has) and for each
                                  of proxy, proxy-2, kafka, redis that is in the compose files DIR/<service>.tar.gz
  compose/backup.sh restore DIR   where these volumes are new or empty; afterwards: docker compose up -d

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

# Of those, what is in these compose files: a proxy alone has no Kafka.
saved() {
  compose config --services | grep -x -e proxy -e proxy-2 -e kafka -e redis
}

# Proxies of a fleet live in a network that has to be there.
hold() {
  if compose config --services | grep -qx address; then compose up -d address; fi
}

save() {
  umask 077
  mkdir -p "$1"
  running=$(compose ps --services --status running)
  # Whatever happens, people are let in again, and nothing runs that did not. Not every sh runs EXIT after a signal.
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # shellcheck disable=SC2086,SC2064
  [ -z "$running" ] || trap "compose up -d $(echo $running)" EXIT
  if [ -f .env ]; then cp .env "$1/env"; fi
  compose stop
  hold
  for service in $(saved); do
    file=$1/$service.tar.gz
    within "$service" tar -C "$(folder_of "$service")" -czf - . >"$file"
    gzip -t "$file" || fail "$file was not written whole"
    echo "saved $file"
  done
}

restore() {
  # First: compose asks it for the settings.
  if [ -f "$1/env" ] && [ ! -f .env ]; then (umask 077 && cp "$1/env" .env && echo 'restored .env'); fi
  hold
  for service in $(saved); do
    [ -f "$1/$service.tar.gz" ] || fail "$1/$service.tar.gz is missing"
    [ -z "$(within "$service" ls -A "$(folder_of "$service")")" ] ||
      fail "the volume of $service is not empty; docker compose down --volumes throws all volumes away"
  done
  for service in $(saved); do
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
