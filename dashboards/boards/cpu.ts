import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { runtimeMetrics as r } from '../../proxy/telemetry/catalogue/runtime-catalogue.ts'
import { type Board, bad, query, seldom, stat, table, timeseries } from '../builder/panels.ts'
import { gauge, max, rate, sum } from '../builder/queries.ts'

const hostBusy = `1 - avg by (instance) (${rate(r.hostCpuSeconds, { cpu_mode: 'idle' })})`

export const cpu: Board = {
  uid: 'cpu',
  title: 'CPU and process',
  description: 'Whether the machine keeps up, and what takes it',
  rows: [
    {
      title: 'Processor',
      panels: [
        timeseries(
          'The process',
          'short',
          query(sum(rate(r.processCpuSeconds), 'instance', 'cpu_mode'), '{{instance}} {{cpu_mode}}'),
          {
            description:
              'Cores in use. Bytes cost little; handshakes cost more: compare with the rate of sessions.',
            stacked: true,
            runbook: 'host-cpu',
          },
        ),
        timeseries('The host', 'percentunit', query(hostBusy, '{{instance}}'), {
          description:
            'Busy share of all cores. Much more than the process takes: somebody else is on this host.',
          max: 1,
          thresholds: bad(0.8, 0.92),
          runbook: 'host-cpu',
        }),
        timeseries(
          'Delay of each thread’s event loop',
          's',
          query(
            max(gauge(p.loopDelaySeconds, { percentile: '99' }), 'instance', 'thread'),
            '{{instance}} {{thread}}',
          ),
          {
            description:
              'p99 of how long a turn took: everyone on that thread waits as long. main is telemetry, worker-n are the people.',
            thresholds: bad(0.05, 0.2),
            runbook: 'event-loop',
          },
        ),
        timeseries(
          'How busy each thread is',
          'percentunit',
          query(max(gauge(p.loopUtilization), 'instance', 'thread'), '{{instance}} {{thread}}'),
          {
            description: 'Near 1 a thread is full: more WORKERS if there are cores, else another node.',
            max: 1,
            thresholds: bad(0.7, 0.9),
            runbook: 'event-loop',
          },
        ),
        timeseries(
          'Garbage collection',
          'percentunit',
          query(sum(rate(p.gcSeconds), 'instance'), '{{instance}}'),
          {
            description: 'Share of a core spent in it, all threads. Above a tenth: look at the heap.',
            thresholds: bad(0.05, 0.1),
          },
        ),
        timeseries(
          'The main thread',
          'percentunit',
          query(max(gauge(r.mainLoopUtilization), 'instance'), '{{instance}}'),
          {
            description: 'Log, Kafka, telemetry, probes and this page. People are not on it.',
            max: 1,
            thresholds: bad(0.7, 0.9),
          },
        ),
      ],
    },
    {
      title: 'What the kernel takes away',
      panels: [
        timeseries(
          'Throttling',
          'percentunit',
          query(
            `${max(rate(p.cpuThrottledPeriods), 'instance')} / clamp_min(${max(rate(p.cpuPeriods), 'instance')}, 0.001)`,
            '{{instance}}',
          ),
          {
            description:
              'Share of the periods of 100 ms in which a CPU limit was used up: everybody is stopped for the rest of it. Above a twentieth: a higher limit, or none (cpus in compose). 0 without a limit.',
            max: 1,
            thresholds: bad(0.01, 0.05),
            runbook: 'event-loop',
          },
        ),
        timeseries(
          'Cores stopped by throttling',
          'short',
          query(max(rate(p.cpuThrottledSeconds), 'instance'), '{{instance}}'),
          {
            description:
              'How many cores the limit kept still, on average: about what is missing. Raise the limit by it, or take WORKERS down to the limit.',
            thresholds: bad(0.01, 0.1),
            runbook: 'event-loop',
          },
        ),
        timeseries(
          'Listen overflows',
          'ops',
          [
            query(max(rate(p.listenOverflows), 'instance'), '{{instance}} connects'),
            query(max(rate(p.packetsDropped), 'instance'), '{{instance}} packets'),
          ],
          {
            description:
              'Connects that nobody accepted in time, on any port of this network, and packets dropped before any socket saw them. Connects: net.core.somaxconn=4096, a busy event loop, or too few WORKERS. Packets: net.core.netdev_max_backlog=10000, RPS, or more cores.',
            thresholds: bad(0.01, 1),
            runbook: 'event-loop',
          },
        ),
        timeseries(
          'Pressure',
          'percentunit',
          query(max(rate(p.pressureSeconds), 'instance', 'resource'), '{{instance}} {{resource}}'),
          {
            description:
              'Share of time in which somebody on this host waited for cpu, memory or io. cpu above a fifth: more cores, or a cpuset for the proxy. memory above a twentieth: it swaps; move Kafka and Redis elsewhere, or lower MAX_CONNECTIONS.',
            max: 1,
            thresholds: bad(0.05, 0.2),
            runbook: 'host-cpu',
          },
        ),
      ],
    },
    {
      title: 'Memory and files',
      panels: [
        timeseries(
          'Resident memory',
          'bytes',
          query(max(gauge(r.processMemoryBytes), 'instance'), '{{instance}}'),
          {
            description:
              'About 180 MB to begin with, and 10 kB a connection. Growing without connections: please report it.',
          },
        ),
        timeseries(
          'Heap of the main thread',
          'bytes',
          query(sum(gauge(r.heapUsedBytes), 'instance'), '{{instance}}'),
          {
            description: 'Of JavaScript objects. Sawtooth is well; a staircase is not.',
          },
        ),
        timeseries(
          'Memory of the host',
          'bytes',
          query(
            sum(gauge(r.hostMemoryBytes), 'instance', 'system_memory_state'),
            '{{instance}} {{system_memory_state}}',
          ),
          {
            description: 'When nothing is free any more the host swaps, and everybody waits.',
            stacked: true,
          },
        ),
        timeseries(
          'File descriptors',
          'percentunit',
          query(`${max(gauge(p.openFds), 'instance')} / ${max(gauge(p.maxFds), 'instance')}`, '{{instance}}'),
          {
            description: 'Of the limit. Two a connection: at the limit clients are refused.',
            max: 1,
            thresholds: bad(0.75, 0.85),
            runbook: 'file-descriptors',
          },
        ),
      ],
    },
    {
      title: 'What the doctor says',
      panels: [
        table(
          'Findings',
          'short',
          seldom(
            `${max(gauge(p.doctorFinding, { verdict: '~note|warn|fail' }), 'instance', 'area', 'check', 'verdict')} == 1`,
            '{{instance}} {{check}}: {{verdict}}',
            'nothing is wrong with this host',
          ),
          {
            description:
              'Settings of this host that cost something, and what is wrong. npm run doctor says what to do about each.',
            width: 16,
            height: 8,
          },
        ),
        stat('Clock', 's', query(max(gauge(p.clockOffset), 'instance'), '{{instance}}'), {
          description: 'This host less the datacenters. Beyond CLOCK_SKEW good clients are refused.',
          runbook: 'clock-skew',
        }),
        stat(
          'Running since',
          'dateTimeFromNow',
          query(`${max(gauge(p.startTime), 'instance')} * 1000`, '{{instance}}'),
          {
            description: 'When the process started: a time that jumps is a crash or a deploy.',
          },
        ),
      ],
    },
  ],
}
