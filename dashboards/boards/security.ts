import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Board, bad, bars, inFleet, query, stat, table, timeseries } from '../builder/panels.ts'
import { gauge, increase, rate, sum, total } from '../builder/queries.ts'

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
          query(sum(rate(p.handshakesRejected), 'reason'), '{{reason}}'),
          {
            description:
              'bad-digest, malformed-hello, not-mtproto, timeout: scans. unknown-user, mode-off, unknown-sni: links that are out of date. clock-skew: a clock. replayed: somebody tests.',
            width: 16,
            runbook: 'rejection-storm',
          },
        ),
        stat('Replays', 'short', query(sum(increase(p.replaysRefused)), 'in this time'), {
          description:
            'Recorded handshakes played back. Ten in ten minutes is somebody who looks for proxies.',
          thresholds: bad(3, 10),
          runbook: 'replays',
        }),
        stat('Fronted', 'short', query(sum(increase(p.fronted)), 'in this time'), {
          description: 'Strangers who were shown the masking host.',
        }),
        timeseries(
          'Refused handshakes, by node',
          'ops',
          [
            query(sum(rate(p.handshakesRejected), 'instance'), '{{instance}} refused'),
            query(sum(rate(p.fronted), 'instance'), '{{instance}} of them fronted'),
          ],
          {
            description:
              'A node that is scanned more than the others is known to somebody. Refused and not fronted: without a masking host, or a client of ours that asked for what there is not.',
            runbook: 'rejection-storm',
          },
        ),
        timeseries(
          'Refused connections without events of their own',
          'ops',
          query(sum(rate(p.connectionsSummarised), 'instance'), '{{instance}}'),
          {
            description:
              'Beyond UNAUTHENTICATED_EVENTS_PER_SECOND: in all numbers here, in a summary each minute, without spans.',
            runbook: 'rejection-storm',
          },
        ),
        timeseries(
          'Signed but refused',
          'short',
          query(sum(increase(p.signedRefused), 'instance', 'reason'), '{{instance}} {{reason}}'),
          {
            description:
              'Hellos that a user’s secret signed, in this time, without replays and wrong clocks: zero, or an app of ours is locked out. unknown-sni: a link of another domain. mode-off: MODES without tls. unknown-dc: a datacenter that this version does not know. not-mtproto: something between changes bytes.',
            thresholds: bad(1, 3),
            runbook: 'signed-refused',
          },
        ),
        timeseries(
          'Clock skew',
          'ops',
          query(sum(rate(p.handshakesRejected, { reason: 'clock-skew' }), 'instance'), '{{instance}}'),
          {
            description: 'Good clients from another time. Many: the clock of the host. One: theirs.',
            runbook: 'clock-skew',
          },
        ),
      ],
    },
    {
      title: 'What hellos look like',
      panels: [
        table(
          'JA4 × outcome',
          'short',
          query(sum(total(p.clientHellos), 'ja4', 'outcome'), '{{ja4}} {{outcome}}'),
          {
            description:
              'TLS hellos by fingerprint and what became of them, since each proxy started. Accepted and nothing else: an app of ours. Only bad-digest: a scanner. One that is accepted and replayed or of another time: somebody plays an app’s hello back, or its phone has a wrong clock. A fingerprint that was accepted and is only refused since: update TLS_DOMAIN or the link.',
            height: 10,
            matrix: { row: 'ja4', column: 'outcome' },
            runbook: 'replays',
          },
        ),
        bars(
          'Hellos, by fingerprint and outcome',
          'ops',
          query(sum(rate(p.clientHellos), 'ja4', 'outcome'), '{{ja4}}: {{outcome}}'),
          {
            description:
              '32 that were accepted and 32 that never were have a name; all others are "other". Much of it: a scanner that changes its hello each time, for whom a firewall is cheaper than a handshake.',
            height: 10,
            runbook: 'rejection-storm',
          },
        ),
      ],
    },
    {
      title: 'The replay cache of the fleet',
      panels: [
        timeseries(
          'Claims, by outcome',
          'ops',
          inFleet(query(sum(rate(p.replayClaims), 'outcome'), '{{outcome}}')),
          {
            description:
              'What Redis said of handshakes: new, seen by another proxy, or nothing within 50 ms. Without Redis there is nothing here.',
            runbook: 'replay-unclaimed',
          },
        ),
        timeseries(
          'Without an answer',
          'ops',
          query(sum(rate(p.replaysUnclaimed), 'instance', 'action'), '{{instance}}: {{action}}'),
          {
            description:
              'local: the proxy’s own cache was trusted. refuse: the client was shown the masking host.',
            thresholds: bad(0.01, 0.1),
            runbook: 'replay-unclaimed',
          },
        ),
        timeseries('Masking host', 'bool_yes_no', query(gauge(p.maskingUp), '{{instance}}'), {
          description:
            'Whether the site that strangers are shown answered when the proxy looked last: every 15 minutes, every 30 seconds while it is away. Nothing with MASK_HOST=off.',
          max: 1,
          runbook: 'masking-lost',
        }),
      ],
    },
  ],
}
