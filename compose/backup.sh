#!/bin/sh
# Saves what cannot be made again, and puts it back: the proxy's volume (secrets, log) and Kafka's (the events). Redis is
# folded again from Kafka by itself; Prometheus, Tempo and Grafana begin anew.
set -eu

usage() {
  cat <<'EOF'
backup: saves secrets and events of the stack, and puts them back

  compose/backup.sh save DIR      stops the stack for as long as it takes, writes DIR/proxy.tar.gz, DIR/kafka.tar.gz
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
  proxy) echo /data ;;
  kafka) echo /var/lib/kafka/data ;;
  esac
}

# Of those two, what is in these compose files: a proxy alone has no Kafka.
saved() {
  compose config --services | grep -x -e proxy -e kafka
}

save() {
  umask 077
  mkdir -p "$1"
  running=$(compose ps --services --status running)
  # Whatever happens, people are let in again, and nothing runs that did not.
  # shellcheck disable=SC2086,SC2064
  [ -z "$running" ] || trap "compose up -d $(echo $running)" EXIT
  compose stop
  for service in $(saved); do
    file=$1/$service.tar.gz
    within "$service" tar -C "$(folder_of "$service")" -czf - . >"$file"
    gzip -t "$file" || fail "$file was not written whole"
    echo "saved $file"
  done
}

restore() {
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
