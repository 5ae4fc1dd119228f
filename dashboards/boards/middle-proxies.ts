import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { bad, type Row, seldom, timeline, timeseries } from '../builder/panels.ts'
import { gauge, max, quantile, rate, sum } from '../builder/queries.ts'

const way = ['dc', 'family', 'media'] as const
const named = 'dc {{dc}} {{family}} media {{media}}'
const off = 'USE_MIDDLE_PROXY is false'
const worked = 'every middle proxy worked, or USE_MIDDLE_PROXY is false'
const hour = 3_600

/** The hop between this host and the datacenters in advertising mode. */
export const middleProxies: Row = {
  title: 'Middle proxies',
  panels: [
    timeline(
      'Middle-proxy availability',
      'bool_yes_no',
      seldom(max(gauge(p.middleProxyUp), 'instance', ...way), `{{instance}}: ${named}`, off),
      {
        description:
          'Whether any middle proxy of the datacenter answered its last probe, by node. Red while the datacenter is green: clients go directly, or are refused, according to MIDDLE_PROXY_FALLBACK.',
        height: 8,
        thresholds: [
          [null, 'red'],
          [1, 'green'],
        ],
        runbook: 'middle-proxies-away',
      },
    ),
    timeseries(
      'Middle-proxy round trip, p95',
      's',
      seldom(quantile(0.95, p.middleProxySeconds, way), named, off),
      {
        description:
          'From a probe’s ping to the pong. Compare it with resPQ: the same path, another machine.',
        thresholds: bad(0.3, 1),
      },
    ),
    timeseries(
      'Connections through and around middle proxies',
      'ops',
      [
        seldom(sum(rate(p.middleProxyConnections), 'dc'), 'dc {{dc}} through', off),
        seldom(sum(rate(p.middleProxyFallbacks), 'dc'), 'dc {{dc}} around', worked),
      ],
      {
        description:
          'Connections of clients a second. Those around show no sponsored channel: look at availability and failures.',
        runbook: 'middle-proxies-away',
      },
    ),
    timeseries(
      'Middle-proxy failures',
      'ops',
      [
        seldom(sum(rate(p.middleProxyFailures), 'dc', 'error'), 'dc {{dc}}: {{error}}', worked),
        seldom(sum(rate(p.middleProxyProbesFailed), ...way, 'error'), `probe ${named}: {{error}}`, worked),
      ],
      {
        description:
          'Failed connections and probes, by error. reset or protocol on all of them: Telegram sees another address than this host puts into the keys; set PUBLIC_HOST.',
        runbook: 'middle-proxies-away',
      },
    ),
    timeseries(
      'Age of the middle-proxy documents',
      's',
      seldom(
        `time() - ${max(gauge(p.middleProxyDocumentTime), 'instance', 'document')}`,
        '{{instance}}: {{document}}',
        off,
      ),
      {
        description:
          'Time since the list (hourly) and the secret (daily) in use were downloaded. Growing: this host does not reach core.telegram.org.',
        thresholds: bad(30 * hour, 72 * hour),
      },
    ),
    timeseries(
      'Failed downloads of middle-proxy documents',
      'ops',
      seldom(
        sum(rate(p.middleProxyReadFailures), 'document', 'error'),
        '{{document}}: {{error}}',
        'every download succeeded, or USE_MIDDLE_PROXY is false',
      ),
      {
        description:
          'The document before stays in use. malformed and implausible: something answers in place of Telegram.',
      },
    ),
  ],
}
