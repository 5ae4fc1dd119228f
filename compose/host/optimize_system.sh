#!/bin/sh
# Checks and sets the host settings that matter to mtscope on this kernel. POSIX sh, without Node. See --help.
set -u
umask 022
LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH

usage() {
  cat <<'END'
usage: optimize_system.sh [--check [--tsv] | --plan | --apply | --rollback]

Checks the host settings that matter to mtscope on this kernel, sets the effective ones, and restores them.

  --check      prints each setting: current value, wanted value, verdict, reason (default; needs no root, changes nothing)
  --plan       prints what --apply would set and write; changes nothing
  --apply      saves the old values, sets the effective settings, and writes 90-mtscope.conf in /etc/sysctl.d,
               /etc/security/limits.d and, if a module brings a setting, /etc/modules-load.d; a second run changes nothing
  --rollback   restores every value and file from before the first --apply
  --tsv        with --check: prints lines for programs, with tabs between the fields
  --help       prints this text

Verdicts: effective; no-op (does nothing for a relay here); harmful; unknown here (not visible from this namespace or kernel).
--apply sets effective settings only, and keeps a value that already goes further.

  MTPROTO_PORT     port of the proxy; below 1024, --apply lets a proxy without root listen on it: sudo MTPROTO_PORT=443 …
  MTSCOPE_NOFILE   limit of open files (65536: enough for MAX_CONNECTIONS=20000 and pooled connections)
  MTSCOPE_ROOT     folder to use instead of / (for tests); MTSCOPE_NET: the same for files of a network namespace

Exits 0 when nothing is left to change, 1 when a setting is to be changed or failed, 2 for wrong options.
END
}

ROOT=${MTSCOPE_ROOT-}
NET=${MTSCOPE_NET-$ROOT}
NOFILE=${MTSCOPE_NOFILE-65536}
PORT=${MTPROTO_PORT:-8080}
STATE_DIR=$ROOT/var/lib/mtscope
STATE=$STATE_DIR/optimize_system.state
SYSCTLS=$ROOT/etc/sysctl.d/90-mtscope.conf
MODULES=$ROOT/etc/modules-load.d/90-mtscope.conf
LIMITS=$ROOT/etc/security/limits.d/90-mtscope.conf
TAB=$(printf '\t')
LISTEN_BACKLOG=4096 # as BACKLOG in proxy/net/epoll

mode=check
tsv=
for word; do
  case $word in
    --check | --plan | --apply | --rollback) mode=${word#--} ;;
    --tsv) tsv=yes ;;
    -h | --help) usage && exit 0 ;;
    *) printf 'optimize_system.sh: unknown option %s; --help lists them\n' "$word" >&2 && exit 2 ;;
  esac
done
for pair in "MTSCOPE_NOFILE=$NOFILE" "MTPROTO_PORT=$PORT"; do
  case ${pair#*=} in
    '' | *[!0-9]*) printf 'optimize_system.sh: %s is not a number: set a whole number\n' "$pair" >&2 && exit 2 ;;
  esac
done

# --- The host -----------------------------------------------------------------------------------------------------

# Prints the first line of a file with single spaces; fails if it is not readable.
value() { [ -r "$1" ] && tr -s '\t ' '  ' <"$1" 2>/dev/null | sed 's/^ *//;s/ *$//;1q'; }

path_of() {
  case $1 in
    /*) printf '%s' "$1" ;;
    net.*) printf '%s/proc/sys/%s' "$NET" "$(printf %s "$1" | tr . /)" ;;
    *) printf '%s/proc/sys/%s' "$ROOT" "$(printf %s "$1" | tr . /)" ;;
  esac
}

release=$(value "$ROOT/proc/sys/kernel/osrelease" || uname -r)
# Whether the kernel is this version or newer: kernel 4 14
kernel() {
  major=${release%%.*} minor=${release#*.}
  minor=${minor%%[!0-9]*}
  [ "${major%%[!0-9]*}" -gt "$1" ] || { [ "${major%%[!0-9]*}" -eq "$1" ] && [ "${minor:-0}" -ge "$2" ]; }
}

# Whether the kernel has a feature, built in or as a loadable module: part sch_fq NET_SCH_FQ
part() {
  find "$ROOT/lib/modules/$release" -name "$1.ko*" 2>/dev/null | grep -q . ||
    grep -qs "/$1\.ko" "$ROOT/lib/modules/$release/modules.builtin" ||
    gzip -dc "$ROOT/proc/config.gz" 2>/dev/null | grep -q "^CONFIG_$2=y"
}

# Only the network namespace of the host has this file.
if [ -e "$NET/proc/sys/net/core/default_qdisc" ]; then network=host; else network=own; fi
container=
if [ -e "$ROOT/.dockerenv" ] || [ -e "$ROOT/run/.containerenv" ] || [ -e "$ROOT/run/systemd/container" ] ||
  grep -qsE 'docker|kubepods|containerd|lxc' "$ROOT/proc/1/cgroup"; then container=yes; fi
machine='bare metal'
if grep -qsw hypervisor "$ROOT/proc/cpuinfo" || [ -e "$ROOT/sys/hypervisor/type" ] ||
  grep -qsE 'QEMU|Amazon|Google|Microsoft|VMware|Xen|innotek|DigitalOcean|Hetzner|KVM' \
    "$ROOT/sys/class/dmi/id/sys_vendor"; then machine='virtual machine'; fi
place=$machine
case $container$network in
  yeshost) place="container on the host's network" ;;
  yesown) place='container on a network of its own' ;;
  own) place='network namespace of its own' ;;
esac
cores=$(grep -cs '^processor' "$ROOT/proc/cpuinfo" || true)
[ "${cores:-0}" -gt 0 ] || cores=1

# Whether Redis or Kafka runs here: some settings help only them.
stores=
for comm in "$ROOT"/proc/[0-9]*/comm; do
  read -r program <"$comm" 2>/dev/null || continue
  case $program in
    redis-server | valkey-server) stores=yes ;;
    java) grep -qs 'kafka\.Kafka' "${comm%comm}cmdline" && stores=yes ;;
    irqbalance) irqbalance=yes ;;
  esac
done 2>/dev/null

# One counter of /proc/net/netstat by its name.
counter() {
  awk -v name="$1" '$1 == "TcpExt:" { if (!n) { for (i = 2; i <= NF; i++) if ($i == name) n = i; if (!n) n = -1 }
    else { if (n > 0) print $n; exit } }' "$NET/proc/net/netstat" 2>/dev/null
}
overflows=$(counter ListenOverflows) drops=$(counter ListenDrops) pressures=$(counter TCPMemoryPressures)
packets=0 dropped=0 squeezed=0
if [ -r "$NET/proc/net/softnet_stat" ]; then
  while read -r done_ lost late _; do
    packets=$((packets + 0x$done_)) dropped=$((dropped + 0x$lost)) squeezed=$((squeezed + 0x$late))
  done <"$NET/proc/net/softnet_stat"
fi
# Share of the last five minutes in which a process waited, percent.
psi() { sed -n 's/^some .*avg300=\([0-9.]*\).*/\1/p' "$ROOT/proc/pressure/$1" 2>/dev/null; }
cpu_wait=$(psi cpu) memory_wait=$(psi memory)
throttled=$(sed -n 's/^nr_throttled //p' "$ROOT/sys/fs/cgroup/cpu.stat" "$ROOT/sys/fs/cgroup/cpu/cpu.stat" 2>/dev/null |
  sed 1q)
time_wait=$(sed -n 's/^TCP: .* tw \([0-9]*\).*/\1/p' "$NET/proc/net/sockstat" 2>/dev/null)
tracked=$(value "$(path_of net.netfilter.nf_conntrack_count)")
most_tracked=$(value "$(path_of net.netfilter.nf_conntrack_max)")

# --- Writing, with a way back -------------------------------------------------------------------------------------------

failed=0
fail() {
  failed=1
  printf 'optimize_system.sh: %s\n' "$1" >&2
}

# Saves the old value in the state file once, before the change, so that a crash loses nothing.
remember() { # kind, path, old value
  grep -qsF "$1$TAB$2$TAB" "$STATE" && return
  mkdir -p "$STATE_DIR" && printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$STATE" && return
  fail "cannot write $STATE: stopping before further changes"
  exit 1
}

set_value() { # path, value
  remember value "$1" "$(value "$1")"
  { printf '%s\n' "$2" >"$1"; } 2>/dev/null && [ "$(value "$1")" = "$2" ] && return
  fail "$1 refused $2"
  return 1
}

make_folder() {
  [ -d "$1" ] && return
  make_folder "$(dirname "$1")" && remember folder "$1" - && mkdir "$1"
}

set_file() { # path, text
  [ -f "$1" ] && [ "$(cat "$1")" = "$2" ] && return
  make_folder "$(dirname "$1")" 2>/dev/null || { fail "cannot make the folder of $1" && return 1; }
  if grep -qsF "file$TAB$1$TAB" "$STATE"; then :; elif [ -e "$1" ]; then
    mkdir -p "$STATE_DIR" && cp -p "$1" "$STATE_DIR/$(basename "$(dirname "$1")").saved" &&
      remember file "$1" "$STATE_DIR/$(basename "$(dirname "$1")").saved"
  else remember file "$1" -; fi
  { printf '%s\n' "$2" >"$1.new" && mv "$1.new" "$1"; } 2>/dev/null || { fail "cannot write $1" && return 1; }
}

rollback() {
  [ -e "$STATE" ] || { printf 'nothing to roll back: no %s\n' "$STATE" && return; }
  left=
  while IFS=$TAB read -r kind path was; do
    # The module was unloaded or the device removed, and its value with it.
    if [ "$kind" = value ] && [ ! -e "$path" ]; then printf 'gone: %s, nothing to restore\n' "$path" && continue; fi
    case $kind in
      value) { printf '%s\n' "$was" >"$path"; } 2>/dev/null && [ "$(value "$path")" = "$was" ] ;;
      folder) [ ! -d "$path" ] || rmdir "$path" 2>/dev/null || [ -n "$(ls -A "$path")" ] ;;
      file) if [ "$was" = - ]; then rm -f "$path" "$path.new"; else [ ! -e "$was" ] || mv -f "$was" "$path"; fi ;;
    esac && printf 'restored: %s\n' "$path" && continue
    fail "cannot restore $path to $was"
    left="$kind$TAB$path$TAB$was
$left"
  done <<END
$(sed '1!G;h;$!d' "$STATE")
END
  if [ -n "$left" ]; then printf %s "$left" >"$STATE" && fail "fix the cause, then run --rollback again for the rest"; else
    rm -f "$STATE" && rmdir "$STATE_DIR" 2>/dev/null
  fi
}

# --- One setting ----------------------------------------------------------------------------------------------------------

hush='' good=0 change=0 useless=0 harmful=0 unknown=0 by_hand=0 dropin=''

report() { # setting, now, wanted, verdict, state, why
  [ -z "$hush" ] || return 0
  case $5 in
    good) good=$((good + 1)) ;;
    change) change=$((change + 1)) ;;
    by-hand) by_hand=$((by_hand + 1)) ;;
    *) case $4 in
      no-op) useless=$((useless + 1)) ;;
      harmful) harmful=$((harmful + 1)) ;;
      *) unknown=$((unknown + 1)) ;;
    esac ;;
  esac
  [ "$mode" = check ] || return 0
  if [ -n "$tsv" ]; then printf 'setting\t%s\t%s\t%s\t%s\t%s\t%s\n' "$@"; else
    mark=' '
    case $5 in change | by-hand | bad) mark='!' ;; esac
    printf '%s %-38s %-20s %-20s %-12s %s\n' "$mark" "$1" "$2" "$3" "$4" "$6"
  fi
}

# Sets `aim` to the new value: a current value that goes further stays.
aim_for() { # how, now, wanted
  aim=$3
  case $1 in
    least) [ "$2" -lt "$3" ] || aim=$2 ;;
    most) [ "$2" -gt "$3" ] || aim=$2 ;;
    third) if [ "${2##* }" -lt "$3" ]; then aim="${2% *} $3"; else aim=$2; fi ;;
    range)
      low=${3% *} high=${3#* }
      [ "${2% *}" -gt "$low" ] || low=${2% *}
      [ "${2#* }" -lt "$high" ] || high=${2#* }
      aim="$low $high"
      ;;
  esac 2>/dev/null
}

# how: is, least, most, third (of three numbers, at least), range (at least that wide)
setting() { # name, how, wanted, verdict, why
  name=$1 wanted=$3 verdict=$4 why=$5
  path=$(path_of "$name")
  now=$(value "$path")
  if [ -z "$now" ]; then
    case $network$verdict$why in
      *'removed in '*) ;;
      own*) [ "$verdict" = harmful ] || { verdict='unknown here' && why='visible on the host only'; } ;;
      *effective*) verdict='unknown here' why='this kernel does not have it' ;;
    esac
    report "$name" - "$wanted" "$verdict" leave "$why"
    return
  fi
  aim_for "$2" "$now" "$wanted"
  state=leave label=${name#"$ROOT"/sys/}
  label=${label#class/net/}
  label=${label#devices/system/cpu/}
  if [ "$verdict" = effective ]; then
    if [ "$aim" = "$now" ]; then state=good; else state=change wanted=$aim; fi
  elif [ "$verdict" = harmful ] && [ "$now" != 0 ]; then state=bad; fi
  report "$label" "$now" "$wanted" "$verdict" "$state" "$why"
  case $mode$state in
    plangood) [ "$name" != net.ipv4.tcp_congestion_control ] || printf 'keep %s: %s\n' "$name" "$now" ;;
    planchange) printf 'set %s: %s -> %s\n' "$name" "$now" "$aim" && now=$aim ;;
    applychange) set_value "$path" "$aim" && printf 'set %s: %s -> %s\n' "$name" "$now" "$aim" && now=$aim ;;
  esac
  # The drop-in has every value that this script set, now or earlier.
  case $name in /*) return 0 ;; esac
  if [ $state = change ] || grep -qsF "value$TAB$path$TAB" "$STATE"; then
    dropin="$dropin
# ${why%%[;:]*}
$name = $now"
  fi
}

if_() { if "$@"; then printf effective; else printf no-op; fi; }

# --- The settings ---------------------------------------------------------------------------------------------------------

settings() {
  set -- net.ipv4.tcp_congestion_control is bbr
  if grep -qsw bbr "$NET/proc/sys/net/ipv4/tcp_available_congestion_control" || part tcp_bbr TCP_CONG_BBR; then
    [ "$mode" != apply ] || [ -n "$ROOT" ] || modprobe -q tcp_bbr 2>/dev/null || true
    setting "$@" effective 'measured: 13 times the speed of a download at 1 % loss, 256 KiB after a pause a third faster on a mobile path'
  else setting "$@" 'unknown here' 'this kernel offers no bbr'; fi
  set -- net.core.default_qdisc is fq
  if [ "$(value "$(path_of net.core.default_qdisc)")" = fq ] || part sch_fq NET_SCH_FQ; then
    setting "$@" effective 'paces bbr packets; applies to new interfaces, optional since 4.13'
  else setting "$@" 'unknown here' 'this kernel has no fq; optional since 4.13'; fi
  # Earlier versions set 16384: --apply raises that, too, and --rollback restores the value from before.
  setting net.ipv4.tcp_notsent_lowat least 131072 effective \
    'below a burst of bbr the queue fills: measured with 16384, messages during a download take 15 to 68 % longer, except on long paths'
  setting net.ipv4.tcp_slow_start_after_idle is 0 effective 'a connection keeps its speed after a pause: measured alone, 256 KiB come 20 to 28 % sooner on lossy and mobile paths'
  setting net.ipv4.tcp_mtu_probing least 1 effective 'finds the packet size where ICMP is filtered'
  setting net.ipv4.tcp_timestamps least 1 effective 'round-trip measurement and port reuse need them'
  setting net.ipv4.tcp_syncookies least 1 effective 'clients still connect during a SYN flood'

  setting net.core.somaxconn least $LISTEN_BACKLOG effective "the relay requests $LISTEN_BACKLOG; overflows so far: ${overflows:-?}"
  setting net.ipv4.tcp_max_syn_backlog least 8192 "$(if kernel 4 4; then echo no-op; else echo effective; fi)" \
    'unused while syncookies are on: the listen backlog limits'
  setting net.ipv4.ip_local_port_range range '10000 65535' effective \
    "local ports to each datacenter address; in TIME_WAIT now: ${time_wait:-?}"
  setting net.ipv4.tcp_tw_reuse is 1 "$(if_ [ "$(value "$(path_of net.ipv4.tcp_timestamps)" || echo 1)" != 0 ])" \
    'reuses the port of a closed datacenter connection after a second'
  if [ -n "$most_tracked" ]; then
    late=
    # Docker or a firewall loads the module after the boot has read sysctl.d, so the value would be lost.
    ! grep -qs '^nf_conntrack ' "$ROOT/proc/modules" || late="; modules-load.d loads the module early, so that the value holds after a boot"
    setting net.netfilter.nf_conntrack_max least 262144 "$([ "$network" = host ] && echo effective || echo 'unknown here')" \
      "two entries for each relayed client; now $tracked of $most_tracked$late"
  else setting net.netfilter.nf_conntrack_max least 262144 no-op 'this network tracks no connections'; fi

  if [ "$PORT" -lt 1024 ]; then
    setting net.ipv4.ip_unprivileged_port_start most "$PORT" effective \
      "lets programs without root listen on ports from $PORT on, the proxy among them"
  else
    setting net.ipv4.ip_unprivileged_port_start most 443 no-op \
      "only for a port below 1024 on the network of the host without root: sudo MTPROTO_PORT=443 $0 --apply"
  fi

  setting net.ipv4.tcp_rmem third 6291456 effective 'autotuning: 250 Mbit/s at 200 ms'
  setting net.ipv4.tcp_wmem third 4194304 effective 'autotuning: 160 Mbit/s at 200 ms'
  for name in rmem_max wmem_max; do
    setting net.core.$name least 134217728 no-op 'limits SO_RCVBUF and SO_SNDBUF, which the relay does not set'
  done
  setting net.ipv4.tcp_fin_timeout most 15 no-op 'affects orphaned sockets only: the relay closes both ends'
  setting net.ipv4.tcp_mem least 0 no-op "the kernel sizes it; times under pressure: ${pressures:-?}"
  # softnet's dropped counts this queue only: without drops a longer one gains nothing.
  setting net.core.netdev_max_backlog least 10000 "$(if_ [ "$dropped" -gt 0 ])" \
    "only for veth, loopback and RPS; dropped so far: $dropped"
  setting net.ipv4.tcp_fastopen is 3 no-op 'neither the listener nor Telegram uses it'
  setting net.ipv4.tcp_low_latency is 1 "$(if kernel 4 14; then echo no-op; else echo 'unknown here'; fi)" \
    'does nothing from 4.14 on'
  setting net.ipv4.tcp_keepalive_time most 600 no-op 'the relay sets keep-alive on each socket'
  setting net.core.busy_poll least 50 harmful 'keeps a core busy without gain: the relay waits in epoll'
  setting net.core.busy_read least 50 harmful 'keeps a core busy without gain: the relay waits in epoll'
  if kernel 4 12; then setting net.ipv4.tcp_tw_recycle is 1 no-op 'removed in 4.12'; else
    setting net.ipv4.tcp_tw_recycle is 1 harmful 'locks out clients behind one address'
  fi

  helps=$(if_ [ -n "$stores" ])
  about='Redis or Kafka runs on this host'
  [ -n "$stores" ] || about='helps only hosts of Redis or Kafka'
  swap=$(sed -n 's/^SwapTotal: *\([0-9]*\).*/\1/p' "$ROOT/proc/meminfo" 2>/dev/null)
  if [ "${swap:-1}" = 0 ]; then setting vm.swappiness most 10 no-op 'this host has no swap'; else
    setting vm.swappiness most 10 "$helps" "$about"
  fi
  # Zero: dirty_bytes applies instead.
  setting vm.dirty_ratio most 15 "$helps" "$about"
  setting vm.dirty_background_ratio most 5 "$helps" "$about"
  setting vm.overcommit_memory least 1 "$helps" "$about"

  nofile
  cpu
}

# Whether this system reads limits.d: a PAM module does, which Alpine lacks.
reads_limits() { grep -rqs '^[^#]*pam_limits\.so' "$ROOT/etc/pam.d" "$ROOT/usr/lib/pam.d" "$ROOT/etc/pam.conf"; }

nofile() {
  setting fs.nr_open least "$NOFILE" effective 'upper limit of nofile'
  setting fs.file-max least $((4 * NOFILE)) effective 'open files of all processes'
  text="# Open files for mtscope: two for each relayed client. Applies from the next login on; a systemd unit needs
# LimitNOFILE=$NOFILE in a drop-in (systemctl edit mtscope), a container ulimits.nofile.
* soft nofile $NOFILE
* hard nofile $NOFILE
root soft nofile $NOFILE
root hard nofile $NOFILE"
  # Node raises the soft limit to the hard one.
  # shellcheck disable=SC3045
  now=$(ulimit -Hn)
  state=good why='each relayed client uses two'
  if [ -n "$container" ] && [ -z "$ROOT" ] && [ "$now" != unlimited ] && [ "$now" -lt "$NOFILE" ]; then
    state=by-hand why="$why: set ulimits.nofile in compose.yaml, or docker run --ulimit nofile=$NOFILE"
  elif ! reads_limits && [ "$now" != unlimited ] && [ "$now" -lt "$NOFILE" ]; then
    state=by-hand why="$why; no PAM module reads limits.d here: set rc_ulimit='-n $NOFILE' in /etc/rc.conf (OpenRC)"
  elif [ -f "$LIMITS" ] && [ "$(cat "$LIMITS")" = "$text" ]; then why="$why; applies from the next login on"
  elif [ "$now" != unlimited ] && [ "$now" -lt "$NOFILE" ]; then
    state=change why="$why; a systemd unit also needs LimitNOFILE=$NOFILE (systemctl edit mtscope)"
  fi
  report nofile "$now" "$NOFILE" effective $state "$why"
  [ $state = change ] || return 0
  case $mode in
    plan) printf 'write %s: nofile %s\n' "$LIMITS" "$NOFILE" ;;
    apply) set_file "$LIMITS" "$text" && printf 'wrote %s\n' "$LIMITS" ;;
  esac
}

cpu() {
  found=
  for governor in "$ROOT"/sys/devices/system/cpu/cpufreq/policy*/scaling_governor; do
    [ -r "$governor" ] || continue
    # One line for all governors: they are set together.
    hush=$found found=yes
    setting "$governor" is performance "$([ -n "$container" ] && echo 'unknown here' || echo effective)" \
      'no ramp-up of the clock at each packet; until the next boot'
  done
  hush=''
  [ -n "$found" ] || report scaling_governor - performance 'unknown here' leave "this $machine has no governor"

  for device in "$ROOT"/sys/class/net/*/device; do
    [ -e "$device" ] || continue
    name=$(basename "${device%/device}")
    queues=0
    for queue in "${device%/device}"/queues/rx-*; do [ ! -e "$queue" ] || queues=$((queues + 1)); done
    set -- "${device%/device}/queues/rx-0/rps_cpus" is "$(printf '%x' $(((1 << (cores < 32 ? cores : 32)) - 1)))"
    late="cores fell behind $squeezed times, lost $dropped of $packets packets"
    if [ "$network" = own ] || [ $queues != 1 ] || [ "$cores" = 1 ]; then
      report "rps_cpus($name)" "$(value "$1" || echo -)" "$3" no-op leave "$queues queues for $cores cores"
    elif [ $((1000 * (squeezed + dropped))) -le "$packets" ]; then
      report "rps_cpus($name)" "$(value "$1" || echo -)" "$3" no-op leave "one queue is enough: $late"
    else setting "$@" effective "one queue for $cores cores; $late; until the next boot"; fi
  done
  if [ -n "${irqbalance-}" ]; then report irq_affinity irqbalance by-hand no-op leave 'irqbalance spreads interrupts'; else
    report irq_affinity - by-hand 'unknown here' leave 'only useful if softirq fills one core: see /proc/softirqs'
  fi
  allowed=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$ROOT/proc/self/status" 2>/dev/null)
  if [ "${cpu_wait%%.*}" = '' ]; then
    report cpuset "${allowed:--}" own-cores 'unknown here' leave 'this kernel does not measure waiting (no PSI)'
  elif [ "${cpu_wait%%.*}" -lt 20 ]; then
    report cpuset "${allowed:--}" own-cores no-op leave "processes rarely wait for a core ($cpu_wait % of the time)"
  else
    report cpuset "${allowed:--}" own-cores effective by-hand \
      "processes wait for a core $cpu_wait % of the time: set PROXY_CPUSET with compose.host.yaml, or add cores"
  fi
  setting kernel.sched_min_granularity_ns least 10000000 "$(if kernel 5 13; then echo no-op; else echo 'unknown here'; fi)" \
    'removed in 5.13'
  setting kernel.sched_autogroup_enabled is 0 no-op 'groups processes by terminal, and a unit has none'
}

# --- The run --------------------------------------------------------------------------------------------------------------

if [ "$mode" = apply ] || [ "$mode" = rollback ]; then
  if [ -z "$ROOT" ] && [ "$(id -u)" != 0 ]; then
    printf 'optimize_system.sh: --%s needs root: sudo %s --%s\n' "$mode" "$0" "$mode" >&2 && exit 2
  fi
  if [ -z "$ROOT" ] && grep -qs '^[^ ]* /proc/sys [^ ]* ro[, ]' /proc/mounts; then
    fail 'settings are read-only in this container: run this script on the host' && exit 1
  fi
fi
if [ "$mode" = rollback ]; then rollback && exit $failed; fi

summary="Linux $release${TAB}$place${TAB}$cores cores"
counters="ListenOverflows ${overflows:-?}, ListenDrops ${drops:-?}, softnet dropped $dropped squeezed $squeezed,"
counters="$counters CPU waited for ${cpu_wait:-?} %, memory ${memory_wait:-?} %, throttled ${throttled:-0} times"
if [ "$mode" = check ]; then
  if [ -n "$tsv" ]; then
    printf 'place\t%s\n' "$summary"
    for pair in "ListenOverflows=$overflows" "ListenDrops=$drops" "softnet.dropped=$dropped" \
      "softnet.squeezed=$squeezed" "cpu.waiting=$cpu_wait" "memory.waiting=$memory_wait" "throttled=$throttled" \
      "conntrack=$tracked" "conntrack.max=$most_tracked" "timewait=$time_wait" "tcp.pressures=$pressures"; do
      [ -z "${pair#*=}" ] || printf 'counter\t%s\t%s\n' "${pair%%=*}" "${pair#*=}"
    done
  else
    printf '%s\n%s\n\n' "$(printf %s "$summary" | tr '\t' ,)" "$counters"
    printf '  %-38s %-20s %-20s %-12s %s\n' setting now wanted verdict why
  fi
fi

settings

# Whether the drop-in has a setting that exists only with a module.
needs_module() {
  case $dropin in *nf_conntrack_max*) grep -qs '^nf_conntrack ' "$ROOT/proc/modules" ;; *) false ;; esac
}

header='# Written by mtscope (compose/host/optimize_system.sh --apply); --rollback removes it.'
case $mode in
  check)
    [ -n "$tsv" ] || printf '\n%s to change (--apply), %s by hand, %s good, %s no-op, %s harmful, %s unknown here\n' \
      $change $by_hand $good $useless $harmful $unknown
    [ $((change + by_hand)) -eq 0 ] || exit 1
    ;;
  plan)
    [ -z "$dropin" ] || printf 'write %s:\n%s%s\n' "$SYSCTLS" "$header" "$dropin" | sed '2,$s/^/  /'
    ! needs_module || printf 'write %s: nf_conntrack\n' "$MODULES"
    [ $change -gt 0 ] || echo 'nothing to change'
    ;;
  apply)
    [ -z "$dropin" ] || set_file "$SYSCTLS" "$header$dropin"
    ! needs_module || set_file "$MODULES" "$header
nf_conntrack"
    for later in "$ROOT"/etc/sysctl.d/9[1-9]*.conf "$ROOT"/etc/sysctl.conf; do
      for name in $(printf %s "$dropin" | sed -n 's/^\([a-z][^ ]*\) = .*/\1/p'); do
        ! grep -qs "^[[:space:]-]*${name}[[:space:]]*=" "$later" ||
          printf '%s also sets %s and wins at the next boot: remove it there\n' "$later" "$name"
      done
    done
    if [ $change -eq 0 ]; then echo 'nothing to change'; else
      printf '%s settings changed; --rollback restores them (%s)\n' $change "$STATE"
    fi
    ;;
esac
exit $failed
