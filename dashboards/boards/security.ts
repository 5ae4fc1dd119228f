import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import {
  type Board,
  bad,
  badBy,
  bars,
  inFleet,
  query,
  seldom,
  stat,
  table,
  timeseries,
} from '../builder/panels.ts'
import { gauge, increase, rate, sum, total } from '../builder/queries.ts'

export const security: Board = {
  uid: 'security',
  title: 'Security',
  description: 'Unauthenticated clients, probes, replays and the masking host',
  rows: [
    {
      title: 'Unauthenticated clients',
      panels: [
        bars(
          'Refused handshakes by reason',
          'ops',
          query(sum(rate(p.handshakesRejected), 'reason'), '{{reason}}'),
          {
            description:
              'bad-digest, malformed-hello, not-mtproto, timeout: scans, no action needed. unknown-user, mode-off, unknown-sni: old links, send new ones. clock-skew: check the clock. replayed: a probe.',
            width: 16,
            runbook: 'rejection-storm',
          },
        ),
        stat('Replays', 'short', query(sum(increase(p.replaysRefused)), 'in this time'), {
          description:
            'Recorded handshakes that were sent again. Ten in ten minutes mean that a censor probes this host.',
          thresholds: badBy(rules.replays),
          runbook: 'replays',
        }),
        stat('Fronted connections', 'short', query(sum(increase(p.fronted)), 'in this time'), {
          description: 'Unauthenticated clients that were forwarded to the masking host.',
        }),
        timeseries(
          'Refused handshakes by node',
          'ops',
          [
            query(sum(rate(p.handshakesRejected), 'instance'), '{{instance}} refused'),
            query(sum(rate(p.fronted), 'instance'), '{{instance}} of them fronted'),
          ],
          {
            description:
              'A node that is scanned more than the others may be known to a censor. Refused and not fronted: there is no masking host, or a valid client asked for an unknown datacenter or mode.',
            runbook: 'rejection-storm',
          },
        ),
        timeseries(
          'Summarised connections',
          'ops',
          query(sum(rate(p.connectionsSummarised), 'instance'), '{{instance}}'),
          {
            description:
              'Refused connections beyond UNAUTHENTICATED_EVENTS_PER_SECOND. They are in all numbers here, by one summary a minute, and have no spans.',
            runbook: 'rejection-storm',
          },
        ),
        timeseries(
          'Refused signed hellos',
          'short',
          query(sum(increase(p.signedRefused), 'instance', 'reason'), '{{instance}} {{reason}}'),
          {
            description:
              'Signed hellos refused in the time shown, without replays and wrong clocks. Above zero an app with a valid secret cannot connect. unknown-sni: a link of another domain. mode-off: MODES leaves out tls. unknown-dc: a datacenter that this version does not know. not-mtproto: something in between changes bytes.',
            thresholds: badBy(rules['signed-refused']),
            runbook: 'signed-refused',
          },
        ),
        timeseries(
          'Clock-skew refusals',
          'ops',
          query(sum(rate(p.handshakesRejected, { reason: 'clock-skew' }), 'instance'), '{{instance}}'),
          {
            description:
              'Valid clients refused because of the time. Many clients: check the clock of the host. One client: its own clock is wrong.',
            runbook: 'clock-skew',
          },
        ),
      ],
    },
    {
      title: 'TLS fingerprints',
      panels: [
        table(
          'JA4 × outcome',
          'short',
          query(sum(total(p.clientHellos), 'ja4', 'outcome'), '{{ja4}} {{outcome}}'),
          {
            description:
              'TLS hellos by fingerprint and outcome, since each proxy started. Only accepted: an app of a user. Only bad-digest: a scanner. Accepted, and also replayed or clock-skew: a probe replays an app’s hello, or a phone has a wrong clock. Accepted before and only refused now: update TLS_DOMAIN or the link.',
            height: 10,
            matrix: { row: 'ja4', column: 'outcome' },
            runbook: 'replays',
          },
        ),
        bars(
          'Hellos by fingerprint and outcome',
          'ops',
          query(sum(rate(p.clientHellos), 'ja4', 'outcome'), '{{ja4}}: {{outcome}}'),
          {
            description:
              '32 accepted fingerprints and 32 others have a name; the rest is "other". Much "other" is a scanner that changes its hello each time: a firewall costs less than its handshakes.',
            height: 10,
            runbook: 'rejection-storm',
          },
        ),
      ],
    },
    {
      title: 'Shared replay cache and masking host',
      panels: [
        timeseries(
          'Claims by outcome',
          'ops',
          inFleet(query(sum(rate(p.replayClaims), 'outcome'), '{{outcome}}')),
          {
            description:
              'Answers of Redis to claims: new, seen by another proxy, or none within 50 ms. No data without Redis.',
            runbook: 'replay-unclaimed',
          },
        ),
        timeseries(
          'Unanswered claims',
          'ops',
          query(sum(rate(p.replaysUnclaimed), 'instance', 'action'), '{{instance}}: {{action}}'),
          {
            description:
              'Claims that Redis did not answer, by action. local: the proxy used only its own cache. refuse: the client was fronted. Check Redis.',
            thresholds: bad(0.01, 0.1),
            runbook: 'replay-unclaimed',
          },
        ),
        timeseries(
          'Masking host availability',
          'bool_yes_no',
          query(gauge(p.maskingUp), '{{instance}}: {{domain}}'),
          {
            description:
              'Whether the masking host answered the last check: every 15 minutes, every 30 seconds while it is down. Run the doctor for masking. No data with MASK_HOST=off.',
            max: 1,
            runbook: 'masking-lost',
          },
        ),
        table(
          'Masking answers',
          'short',
          query(`${gauge(p.maskingProfile)} == 1`, '{{instance}} {{domain}}: {{quality}}'),
          {
            description:
              'How well the TLS answer of the masking host is known. exact: for each kind of hello that apps have sent. measured: for a browser. kept: by an earlier run. usual: not at all: check that the host answers. No data with MASK_HOST=off.',
          },
        ),
        timeseries(
          'Age of masking answers',
          's',
          query(`time() - ${gauge(p.maskingProfileTime)}`, '{{instance}}: {{domain}}'),
          {
            description:
              'Time since the answer of the masking host was measured, every 15 minutes where it answers. Run the doctor for masking. No data with MASK_HOST=off.',
          },
        ),
      ],
    },
    {
      title: 'Block and allow lists',
      panels: [
        timeseries(
          'Networks in block and allow lists',
          'short',
          seldom(gauge(p.listNetworks), '{{instance}}: {{list}}', 'BLOCK_LISTS and ALLOW_LISTS are empty'),
          {
            description:
              'Networks in use. A fall means that a list became shorter: refused connections with the reason blocked show what that changes.',
            runbook: 'list-stale',
          },
        ),
        timeseries(
          'Sources of lists not loaded',
          'short',
          [
            seldom(
              gauge(p.listSourcesFailed),
              '{{instance}}: {{list}} failed',
              'BLOCK_LISTS and ALLOW_LISTS are empty',
            ),
            seldom(
              gauge(p.listSourcesMissing),
              '{{instance}}: {{list}} missing',
              'BLOCK_LISTS and ALLOW_LISTS are empty',
            ),
          ],
          {
            description:
              'Files and URLs that the last load did not get. failed: the last content stays in use. missing: nothing of it is in use.',
            runbook: 'list-stale',
          },
        ),
        timeseries(
          'Age of lists',
          's',
          seldom(
            `time() - ${gauge(p.listTime)}`,
            '{{instance}}: {{list}}',
            'BLOCK_LISTS and ALLOW_LISTS are empty',
          ),
          { description: 'Age of the oldest content in use.', runbook: 'list-stale' },
        ),
      ],
    },
    {
      title: 'HTTP API',
      panels: [
        timeseries(
          'API changes by action',
          'short',
          query(sum(increase(p.apiChanges), 'instance', 'action'), '{{instance}}: {{action}}'),
          {
            description:
              'Changes of users and nodes over HTTP in the shown time. mtscope events --from 24h --type api.changed lists them with target and token. Unexpected ones: replace API_TOKEN and rotate the secrets.',
          },
        ),
      ],
    },
  ],
}
