import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Board, bad, query, seldom, stat, table, timeseries } from '../builder/panels.ts'
import { fleetGauge, fleetRate, gauge, max, rate, sum } from '../builder/queries.ts'

export const users: Board = {
  uid: 'users',
  title: 'Users',
  description: 'Traffic of each user; all but the busiest share the name "other"',
  rows: [
    {
      title: 'Current use',
      panels: [
        timeseries('Open connections', 'short', query(fleetGauge(c.userOpen, ['user']), '{{user}}'), {
          description: 'Connections by user. An app opens two to eight, so this is not the number of people.',
          stacked: true,
        }),
        timeseries(
          'Throughput by user',
          'Bps',
          query(fleetRate(c.userBytes, ['user', 'direction']), '{{user}} {{direction}}'),
          {
            description: 'Bytes a second, by user and direction.',
          },
        ),
        timeseries('New connections', 'ops', query(fleetRate(c.userSessions, ['user']), '{{user}}'), {
          description:
            'New connections a second, by user. Far more than usual from one user: the link was passed on; change the secret.',
        }),
        timeseries(
          'Connections refused by a limit',
          'ops',
          query(sum(rate(p.limitRefused), 'limit'), '{{limit}}'),
          {
            description: 'Connections refused at accept, of any client. Raise the limit, or add a node.',
            runbook: 'limit-reached',
          },
        ),
      ],
    },
    {
      title: 'Listeners',
      panels: [
        timeseries(
          'New connections by listener',
          'ops',
          seldom(sum(rate(p.listenerAccepted), 'listener'), '{{listener}}', 'only where LISTEN is set'),
          { description: 'Accepted connections a second, by listener of LISTEN.' },
        ),
        timeseries(
          'Open connections by listener',
          'short',
          seldom(sum(gauge(p.listenerOpen), 'listener'), '{{listener}}', 'only where LISTEN is set'),
          { description: 'Open connections, by listener of LISTEN.' },
        ),
        timeseries(
          'Refused PROXY protocol headers',
          'ops',
          query(sum(rate(p.headersRefused), 'reason'), '{{reason}}'),
          {
            description:
              'Connections closed for their PROXY protocol header. Check PROXY_PROTOCOL_FROM, and that the load balancer sends the header.',
          },
        ),
      ],
    },
    {
      title: 'Limits of users',
      panels: [
        timeseries(
          'Refusals by user and reason',
          'ops',
          seldom(
            fleetRate(c.userRefused, ['user', 'reason']),
            '{{user}}: {{reason}}',
            'no user is refused on a good day',
          ),
          {
            description:
              'Handshakes with a valid secret that were refused. quota, expired, user-connections, user-addresses: a limit of that user.',
            runbook: 'quota-reached',
          },
        ),
        timeseries(
          'Leases of users by outcome',
          'ops',
          seldom(
            sum(rate(p.userLeases), 'outcome'),
            '{{outcome}}',
            'only a fleet whose users have limits asks for leases',
          ),
          {
            description:
              'Places of users with limits, asked for in Redis. unanswered: each node counts alone until Redis answers.',
          },
        ),
      ],
    },
    {
      title: 'User store',
      panels: [
        timeseries(
          'Users in force',
          'short',
          query(max(gauge(p.users), 'instance', 'state'), '{{instance}}: {{state}}'),
          {
            description:
              'Users of settings and user store together. Nodes of a fleet that differ: one of them does not follow Kafka.',
          },
        ),
        timeseries(
          'User store readability',
          'bool_yes_no',
          query(max(gauge(p.userStoreReadable), 'instance'), '{{instance}}'),
          {
            description:
              'No: the last good users stay in force, and changes wait. The log line users-damaged names the file or record and the remedy.',
            runbook: 'users-unreadable',
          },
        ),
        timeseries(
          'User store damage by reason',
          'ops',
          query(sum(rate(p.userStoreDamage), 'instance', 'reason'), '{{instance}}: {{reason}}'),
          {
            description:
              'Files and records that were refused. key: this node has another USERS_KEY than the one that wrote the record.',
            thresholds: bad(0.001, 1),
          },
        ),
      ],
    },
    {
      title: 'By day and month (UTC)',
      panels: [
        table(
          'Bytes today by user',
          'bytes',
          query(fleetGauge(c.userDayBytes, ['user', 'direction']), '{{user}} {{direction}}'),
          {
            description: 'Bytes of each user since midnight, UTC.',
          },
        ),
        table(
          'Bytes this month by user',
          'bytes',
          query(fleetGauge(c.userMonthBytes, ['user', 'direction']), '{{user}} {{direction}}'),
          {
            description: 'Bytes of each user since the first of the month, UTC; survives restarts.',
          },
        ),
        timeseries('Bytes today', 'bytes', query(fleetGauge(c.dayBytes, ['direction']), '{{direction}}'), {
          description: 'All users, since midnight UTC.',
        }),
        stat('Bytes this month', 'bytes', query(fleetGauge(c.monthBytes, ['direction']), '{{direction}}'), {
          description:
            'All users, since the first of the month, UTC. Compare it with the traffic that your provider includes.',
        }),
        stat('Connections today', 'short', query(fleetGauge(c.daySessions), 'today'), {
          description: 'All users, since midnight UTC.',
        }),
        stat('Connections this month', 'short', query(fleetGauge(c.monthSessions), 'this month'), {
          description: 'All users, since the first of the month, UTC.',
        }),
      ],
    },
  ],
}
