import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as c } from '../../collector/read/metrics.ts'
import { clientPhases } from '../../proxy/events/outcome.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import {
  type Board,
  bad,
  badBy,
  bars,
  good,
  query,
  seldom,
  stat,
  table,
  timeseries,
} from '../builder/panels.ts'
import { eachFleet, fleetGauge, fleetRate, gauge, ofCollector, rate, sum } from '../builder/queries.ts'
import { burn, goodShare, objective } from '../builder/sli.ts'

const fleet = ',fleet=~"$fleet"'
const stages = ['accepted', 'hello', 'authenticated', 'connected', 'requested', 'answered'] as const

export const overview: Board = {
  uid: 'overview',
  title: 'Overview',
  description: 'Service level, connection failures and traffic of all nodes',
  rows: [
    {
      title: 'Service level',
      panels: [
        stat('Connections answered within 2 s', 'percentunit', query(goodShare('5m', fleet), 'now'), {
          description: `Share of the connections with a waiting client whose first answer came within two seconds. Objective: ${objective.share * 100} %. Below it, find the failing stage in Connection stages. No data: no client waits now.`,
          thresholds: good(0.95, objective.share),
          runbook: 'error-budget',
        }),
        stat(
          'Error budget remaining',
          'percentunit',
          query(`clamp_min(1 - ${burn('30d', fleet)}, -1)`, `${objective.days} days`),
          {
            description: `Share left of the connections that may fail in ${objective.days} days. Below zero the objective is missed: postpone risky changes.`,
            thresholds: good(0, 0.25),
            runbook: 'error-budget',
          },
        ),
        stat('Current burn rate', 'short', query(burn('1h', fleet), 'times the allowed rate'), {
          description:
            'How fast the last hour uses up the error budget: 1 takes just thirty days, 14 takes two.',
          thresholds: bad(1, 14.4),
          runbook: 'error-budget',
        }),
        stat('Open connections', 'short', query(sum(gauge(p.connectionsOpen)), 'open'), {
          description:
            'Connections of all chosen nodes and datacenters. Fronted ones have no datacenter and are counted only with all datacenters.',
        }),
        stat('Nodes alive', 'short', query(fleetGauge(c.nodesAlive), 'alive'), {
          description:
            'Nodes that emitted an event in the last minute. If it falls, the alert node-silent names the node.',
          runbook: 'node-silent',
        }),
        stat(
          'Throughput to clients',
          'Bps',
          query(sum(rate(p.bytes, { direction: 'to-client' })), 'a second'),
          {
            description: 'Bytes a second to clients, of all chosen nodes.',
          },
        ),
        table(
          'Active alerts',
          'short',
          seldom(
            eachFleet('max', ofCollector(c.alertActive), 'rule', 'subject'),
            '{{rule}} {{subject}}',
            'no alert is active',
          ),
          {
            description:
              'Alerts that the collector has raised and not cleared. The runbook has a section for each rule.',
            width: 24,
            height: 5,
            runbook: 'error-budget',
          },
        ),
      ],
    },
    {
      title: 'Connection failures',
      panels: [
        timeseries(
          'Connection stages',
          'ops',
          stages.map((stage) => query(fleetRate(c.sessions, [], { stage }), stage)),
          {
            description:
              'Connections a second that reached each stage; look for the stage after which they are missing. Accepted without a hello: scans, or clients cut off within the first message. Hello but not authenticated: probes, or old links. Authenticated but not connected: no datacenter answers. Requested but not answered: a stall.',
            traces: true,
          },
        ),
        bars(
          'Connection close causes',
          'ops',
          query(
            sum(rate(p.connectionsClosed, { phase: `~${clientPhases.join('|')}` }), 'by', 'phase', 'reason'),
            '{{by}} / {{phase}} / {{reason}}',
          ),
          {
            description:
              'Side, phase and reason of each close. done, idle, drain and limit are orderly; every other reason is a drop.',
            runbook: 'connection-drops',
            traces: true,
          },
        ),
        timeseries(
          'Connection drop ratio',
          'percentunit',
          seldom(
            eachFleet('max', ofCollector(c.dropRatio), 'dc'),
            '{{fleet}} dc {{dc}}',
            'no connection was dropped',
          ),
          {
            description:
              'Share of drops among the connections that ended in the last five minutes, by datacenter. An account lives in one datacenter: judge each line by itself.',
            thresholds: badBy(rules['connection-drops']),
            max: 1,
            runbook: 'connection-drops',
          },
        ),
        timeseries(
          'Error budget burn rate',
          'short',
          [query(burn('1h', fleet), '1 h'), query(burn('6h', fleet), '6 h')],
          {
            description:
              'Multiples of the allowed rate. A critical alert fires at 14.4 over an hour, or at 6 over six hours.',
            thresholds: bad(6, 14.4),
            runbook: 'error-budget',
          },
        ),
      ],
    },
    {
      title: 'Traffic',
      panels: [
        timeseries(
          'Open connections by datacenter',
          'short',
          query(sum(gauge(p.connectionsOpen), 'mode', 'dc'), '{{mode}}, dc {{dc}}'),
          {
            description:
              'Connections by mode and datacenter; both are empty until the handshake is accepted.',
            stacked: true,
          },
        ),
        timeseries('Throughput', 'Bps', query(sum(rate(p.bytes), 'direction'), '{{direction}}'), {
          description: 'Bytes a second, by direction.',
        }),
        timeseries(
          'Accepted and refused connections',
          'ops',
          [
            query(sum(rate(p.connectionsAccepted), 'instance'), '{{instance}} accepted'),
            query(sum(rate(p.limitRefused), 'instance', 'limit'), '{{instance}} refused: {{limit}}'),
          ],
          {
            description:
              'Connections a second. A refusal means that a limit is reached: raise it, or add a node. The limit `strangers` refuses unauthenticated clients beyond their half of the places, and harms no user.',
            runbook: 'limit-reached',
          },
        ),
        timeseries(
          'Pooled connections',
          'short',
          query(sum(gauge(p.pooledConnections), 'instance'), '{{instance}}'),
          {
            description:
              'Connections to datacenters, opened ahead of need, so that clients do not wait for a dial.',
          },
        ),
      ],
    },
  ],
}
