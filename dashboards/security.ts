import { metrics as p } from '../proxy/telemetry/catalogue.ts'
import { type Board, bad, bars, query, quiet, stat, timeseries } from './panels.ts'
import { rate, sum } from './queries.ts'

export const security: Board = {
  uid: 'security',
  title: 'Security',
  description: 'Who knocks that is no client, and what they are shown',
  rows: [
    {
      title: 'Strangers',
      panels: [
        bars(
          'Refused handshakes, by reason',
          'ops',
          quiet(sum(rate(p.handshakesRejected), 'reason'), '{{reason}}'),
          {
            description:
              'bad-digest, not-mtproto, timeout: scans. unknown-user, mode-off, unknown-sni: links that are out of date. clock-skew: a clock. replayed: somebody tests.',
            width: 16,
            runbook: 'rejection-storm',
          },
        ),
        stat(
          'Replays',
          'short',
          query(`sum(increase(${p.replaysRefused.name}{instance=~"$node"}[$__range]))`, 'in this time'),
          {
            description:
              'Recorded handshakes played back. Ten in ten minutes is somebody who looks for proxies.',
            thresholds: bad(3, 10),
            runbook: 'replays',
          },
        ),
        stat(
          'Fronted',
          'short',
          query(`sum(increase(${p.fronted.name}{instance=~"$node"}[$__range]))`, 'in this time'),
          {
            description: 'Strangers who were shown the masking host.',
          },
        ),
        timeseries(
          'Refused handshakes, by node',
          'ops',
          query(sum(rate(p.fronted), 'instance'), '{{instance}} fronted'),
          {
            description: 'A node that is scanned more than the others is known to somebody.',
            runbook: 'rejection-storm',
          },
        ),
        timeseries(
          'Clock skew',
          'ops',
          quiet(sum(rate(p.handshakesRejected, { reason: 'clock-skew' }), 'instance'), '{{instance}}'),
          {
            description: 'Good clients from another time. Many: the clock of the host. One: theirs.',
            runbook: 'clock-skew',
          },
        ),
      ],
    },
    {
      title: 'The replay cache of the fleet',
      panels: [
        timeseries('Claims, by outcome', 'ops', quiet(sum(rate(p.replayClaims), 'outcome'), '{{outcome}}'), {
          description:
            'What Redis said of handshakes: new, seen by another proxy, or nothing within 50 ms. Without Redis there is nothing here.',
          runbook: 'replay-unclaimed',
        }),
        timeseries(
          'Without an answer',
          'ops',
          quiet(sum(rate(p.replaysUnclaimed), 'instance', 'action'), '{{instance}}: {{action}}'),
          {
            description:
              'local: the proxy’s own cache was trusted. refuse: the client was shown the masking host.',
            thresholds: bad(0.01, 0.1),
            runbook: 'replay-unclaimed',
          },
        ),
      ],
    },
  ],
}
