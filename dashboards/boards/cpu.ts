import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { runtimeMetrics as r } from '../../proxy/telemetry/catalogue/runtime-catalogue.ts'
import { type Board, bad, badBy, query, seldom, stat, table, timeseries } from '../builder/panels.ts'
import { gauge, max, rate, sum } from '../builder/queries.ts'

const hostBusy = `1 - avg by (instance) (${rate(r.hostCpuSeconds, { cpu_mode: 'idle' })})`

export const cpu: Board = {
  uid: 'cpu',
  title: 'CPU and process',
  description: 'CPU, event loops, memory and file descriptors of each node',
  rows: [
    {
      title: 'CPU',
      panels: [
        timeseries(
          'Process CPU',
          'short',
          query(sum(rate(r.processCpuSeconds), 'instance', 'cpu_mode'), '{{instance}} {{cpu_mode}}'),
          {
            description:
              'Cores in use. Handshakes cost more than bytes: if it rises, compare it with the rate of connections.',
            stacked: true,
            runbook: 'host-cpu',
          },
        ),
        timeseries('Host CPU', 'percentunit', query(hostBusy, '{{instance}}'), {
          description:
            'Busy share of all cores. If it is much more than the process CPU, another program uses this host: find it with top.',
          max: 1,
          thresholds: badBy(rules['host-cpu'], 100),
          runbook: 'host-cpu',
        }),
        timeseries(
          'Event-loop delay by thread',
          's',
          query(
            max(gauge(p.loopDelaySeconds, { percentile: '99' }), 'instance', 'thread'),
            '{{instance}} {{thread}}',
          ),
          {
            description:
              'p99 of the time by which a thread is late; its connections wait that long. main runs telemetry, worker-n run connections. If workers are late, check the host CPU and throttling.',
            thresholds: bad(0.05, rules['event-loop'].raise / 1_000),
            runbook: 'event-loop',
          },
        ),
        timeseries(
          'Relay thread deaths',
          'ops',
          query(sum(rate(p.threadDeaths), 'instance'), '{{instance}}'),
          {
            description:
              'Relay threads that died and were replaced. Their connections were closed and came again; other threads went on.',
            thresholds: bad(0.0001, 1),
            runbook: 'thread-died',
          },
        ),
        timeseries(
          'Event-loop utilization by thread',
          'percentunit',
          query(max(gauge(p.loopUtilization), 'instance', 'thread'), '{{instance}} {{thread}}'),
          {
            description:
              'Share of time in which a thread works. Near 100 % it is full: raise WORKERS while cores are idle, else add a node.',
            max: 1,
            thresholds: bad(0.7, 0.9),
            runbook: 'event-loop',
          },
        ),
        timeseries(
          'Garbage collection time',
          'percentunit',
          query(sum(rate(p.gcSeconds), 'instance'), '{{instance}}'),
          {
            description: 'Share of a core, all threads together. Above 10 %: check the heap.',
            thresholds: bad(0.05, 0.1),
          },
        ),
        timeseries(
          'Main-thread utilization',
          'percentunit',
          query(max(gauge(r.mainLoopUtilization), 'instance'), '{{instance}}'),
          {
            description:
              'Share of time in which the main thread works: event log, Kafka, telemetry, probes, status page. It carries no connections; when it is full, the numbers are late.',
            max: 1,
            thresholds: bad(0.7, 0.9),
          },
        ),
      ],
    },
    {
      title: 'Kernel limits and pressure',
      panels: [
        timeseries(
          'CPU throttling',
          'percentunit',
          query(
            `${max(rate(p.cpuThrottledPeriods), 'instance')} / clamp_min(${max(rate(p.cpuPeriods), 'instance')}, 0.001)`,
            '{{instance}}',
          ),
          {
            description:
              'Share of the 100 ms periods in which a CPU limit was used up; every connection stops for the rest of such a period. Above 5 %: raise the limit, or remove it (cpus in compose). 0 without a limit.',
            max: 1,
            thresholds: bad(0.01, 0.05),
            runbook: 'event-loop',
          },
        ),
        timeseries(
          'Cores lost to throttling',
          'short',
          query(max(rate(p.cpuThrottledSeconds), 'instance'), '{{instance}}'),
          {
            description:
              'Cores that the limit withheld, on average. Raise the limit by this number, or lower WORKERS to the limit.',
            thresholds: bad(0.01, 0.1),
            runbook: 'event-loop',
          },
        ),
        timeseries(
          'Listen overflows and packet drops',
          'ops',
          [
            query(max(rate(p.listenOverflows), 'instance'), '{{instance}} connects'),
            query(max(rate(p.packetsDropped), 'instance'), '{{instance}} packets'),
          ],
          {
            description:
              'Connects that no program accepted in time, on any port of this network, and packets that the kernel dropped before any socket. Connects: set net.core.somaxconn=4096, check the event loops, or raise WORKERS. Packets: set net.core.netdev_max_backlog=10000, use RPS, or add cores.',
            thresholds: bad(0.01, 1),
            runbook: 'event-loop',
          },
        ),
        timeseries(
          'Resource pressure (PSI)',
          'percentunit',
          query(max(rate(p.pressureSeconds), 'instance', 'resource'), '{{instance}} {{resource}}'),
          {
            description:
              'Share of time in which some process on this host waited for cpu, memory or io. cpu above 20 %: add cores, or give the proxy a cpuset. memory above 5 %: the host swaps; move Kafka and Redis elsewhere, or lower MAX_CONNECTIONS.',
            max: 1,
            thresholds: bad(0.05, 0.2),
            runbook: 'host-cpu',
          },
        ),
      ],
    },
    {
      title: 'Memory and file descriptors',
      panels: [
        timeseries(
          'Resident memory',
          'bytes',
          query(max(gauge(r.processMemoryBytes), 'instance'), '{{instance}}'),
          {
            description:
              'About 180 MB after the start, and 10 kB for each connection. If it grows without connections, report it.',
          },
        ),
        timeseries(
          'Main-thread heap',
          'bytes',
          query(sum(gauge(r.heapUsedBytes), 'instance'), '{{instance}}'),
          {
            description:
              'Memory of JavaScript objects. A sawtooth is normal; if each low is higher than the one before, report a leak.',
          },
        ),
        timeseries(
          'Host memory',
          'bytes',
          query(
            sum(gauge(r.hostMemoryBytes), 'instance', 'system_memory_state'),
            '{{instance}} {{system_memory_state}}',
          ),
          {
            description:
              'Memory by state. With none free the host swaps and every connection slows down: move other programs away.',
            stacked: true,
          },
        ),
        timeseries(
          'File descriptors',
          'percentunit',
          query(`${max(gauge(p.openFds), 'instance')} / ${max(gauge(p.maxFds), 'instance')}`, '{{instance}}'),
          {
            description:
              'Share of the limit. A connection needs two; at the limit the proxy refuses clients. Raise nofile.',
            max: 1,
            thresholds: badBy(rules['file-descriptors'], 100),
            runbook: 'file-descriptors',
          },
        ),
      ],
    },
    {
      title: 'Doctor',
      panels: [
        table(
          'Doctor findings',
          'short',
          seldom(
            `${max(gauge(p.doctorFinding, { verdict: '~note|warn|fail' }), 'instance', 'area', 'check', 'verdict')} == 1`,
            '{{instance}} {{check}}: {{verdict}}',
            'the doctor finds no fault on this host',
          ),
          {
            description:
              'Faults of this host, and settings that cost performance. npm run doctor prints the step for each.',
            width: 16,
            height: 8,
          },
        ),
        stat('Clock offset', 's', query(max(gauge(p.clockOffset), 'instance'), '{{instance}}'), {
          description:
            'Clock of this host minus that of the datacenters. Beyond CLOCK_SKEW the proxy refuses valid clients: set the clock by NTP.',
          runbook: 'clock-skew',
        }),
        stat(
          'Process start time',
          'dateTimeFromNow',
          query(`${max(gauge(p.startTime), 'instance')} * 1000`, '{{instance}}'),
          {
            description:
              'When the process started. If it jumps without a deployment, the process crashed: read its last log lines.',
          },
        ),
      ],
    },
  ],
}
