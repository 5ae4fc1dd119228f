import { metrics as c } from '../../collector/read/metrics.ts'
import { clientPhases } from '../../proxy/events/outcome.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Board, bad, bars, good, query, seldom, stat, table, timeseries } from '../builder/panels.ts'
import { eachFleet, fleetGauge, fleetRate, gauge, ofCollector, rate, sum } from '../builder/queries.ts'
import { burn, goodShare, objective } from '../builder/sli.ts'

const fleet = ',fleet=~"$fleet"'
const stages = ['accepted', 'hello', 'authenticated', 'connected', 'requested', 'answered'] as const

export const overview: Board = {
  uid: 'overview',
  title: 'Overview',
  description: 'Does it work for people, where does it break, and since when',
  rows: [
    {
      title: 'Is it well?',
      panels: [
        stat('Answered within 2 s', 'percentunit', query(goodShare('5m', fleet), 'now'), {
          description: `The share of sessions that somebody waits for whose first answer came within two seconds. Promised: ${objective.share * 100} %. No data: nobody asks just now.`,
          thresholds: good(0.95, objective.share),
          runbook: 'error-budget',
        }),
        stat(
          'Error budget left',
          'percentunit',
          query(`clamp_min(1 - ${burn('30d', fleet)}, -1)`, `${objective.days} days`),
          {
            description: `What is left of the sessions that may fail in ${objective.days} days. Below zero the promise is broken: change nothing that need not change.`,
            thresholds: good(0, 0.25),
            runbook: 'error-budget',
          },
        ),
        stat('Budget burns', 'short', query(burn('1h', fleet), 'times the allowed rate'), {
          description: '1 uses the budget up in just its thirty days; 14 in two days.',
          thresholds: bad(1, 14.4),
          runbook: 'error-budget',
        }),
        stat('Open connections', 'short', query(sum(gauge(p.connectionsOpen)), 'open'), {
          description:
            'Of all chosen nodes and datacenters; strangers at the masking host are of none, and counted with all.',
        }),
        stat('Nodes alive', 'short', query(fleetGauge(c.nodesAlive), 'alive'), {
          description: 'Nodes that told a fact in the last minute.',
          runbook: 'node-silent',
        }),
        stat('To clients', 'Bps', query(sum(rate(p.bytes, { direction: 'to-client' })), 'a second'), {
          description: 'Bytes a second to clients, of all chosen nodes.',
        }),
        table(
          'Active alerts',
          'short',
          seldom(
            eachFleet('max', ofCollector(c.alertActive), 'rule', 'subject'),
            '{{rule}} {{subject}}',
            'no alert is up',
          ),
          {
            description:
              'What the collector has raised and not cleared. Empty is well. The runbook has a section for each rule.',
            width: 24,
            height: 5,
            runbook: 'error-budget',
          },
        ),
      ],
    },
    {
      title: 'Where does it break?',
      panels: [
        timeseries(
          'The way of a session, stage by stage',
          'ops',
          stages.map((stage) => query(fleetRate(c.sessions, [], { stage }), stage)),
          {
            description:
              'Each stage loses those that did not reach the next. Accepted without a hello: scans, and who is cut off before the first message is whole. Hello but not authenticated: strangers, and links that are out of date. Authenticated but not connected: no datacenter. Requested but not answered: it stalls.',
            traces: true,
          },
        ),
        bars(
          'Why sessions ended',
          'ops',
          query(
            sum(rate(p.connectionsClosed, { phase: `~${clientPhases.join('|')}` }), 'by', 'phase', 'reason'),
            '{{by}} / {{phase}} / {{reason}}',
          ),
          {
            description:
              'Who ended it, in which phase, and why. done, idle, drain and limit are in order; everything else is a drop.',
            runbook: 'connection-drops',
            traces: true,
          },
        ),
        timeseries(
          'Share of sessions dropped',
          'percentunit',
          seldom(
            eachFleet('max', ofCollector(c.dropRatio), 'dc'),
            '{{fleet}} dc {{dc}}',
            'nobody was dropped',
          ),
          {
            description:
              'Of those that ended in the last five minutes, by datacenter. An account lives in one: look at each.',
            thresholds: bad(0.15, 0.25),
            max: 1,
            runbook: 'connection-drops',
          },
        ),
        timeseries(
          'Burn rate of the error budget',
          'short',
          [query(burn('1h', fleet), '1 h'), query(burn('6h', fleet), '6 h')],
          {
            description: 'Times the allowed rate. 14.4 over an hour, or 6 over six hours, wakes somebody.',
            thresholds: bad(6, 14.4),
            runbook: 'error-budget',
          },
        ),
      ],
    },
    {
      title: 'How much is it?',
      panels: [
        timeseries(
          'Open connections by datacenter',
          'short',
          query(sum(gauge(p.connectionsOpen), 'mode', 'dc'), '{{mode}}, dc {{dc}}'),
          {
            description: 'By mode and datacenter; none until the handshake was accepted.',
            stacked: true,
          },
        ),
        timeseries('Bytes', 'Bps', query(sum(rate(p.bytes), 'direction'), '{{direction}}'), {
          description: 'Bytes a second, both ways.',
        }),
        timeseries(
          'Accepted and refused at the door',
          'ops',
          [
            query(sum(rate(p.connectionsAccepted), 'instance'), '{{instance}} accepted'),
            query(sum(rate(p.limitRefused), 'instance', 'limit'), '{{instance}} refused: {{limit}}'),
          ],
          {
            description:
              'Refused: a limit was reached, and clients are turned away; strangers: no clients, beyond their half of the places.',
            runbook: 'limit-reached',
          },
        ),
        timeseries(
          'Warm sockets',
          'short',
          query(sum(gauge(p.pooledConnections), 'instance'), '{{instance}}'),
          {
            description:
              'Connections to datacenters that wait for a client, so that it need not wait for a dial.',
          },
        ),
      ],
    },
  ],
}
