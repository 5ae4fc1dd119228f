import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Board, query, stat, table, timeseries } from '../builder/panels.ts'
import { fleetGauge, fleetRate, rate, sum } from '../builder/queries.ts'

export const users: Board = {
  uid: 'users',
  title: 'Users',
  description: 'Who uses how much; beyond the busiest, all others share the name "other"',
  rows: [
    {
      title: 'Now',
      panels: [
        timeseries('Open sessions', 'short', query(fleetGauge(c.userOpen, ['user']), '{{user}}'), {
          description: 'An app opens two to eight: this is not the number of people.',
          stacked: true,
        }),
        timeseries(
          'Bytes',
          'Bps',
          query(fleetRate(c.userBytes, ['user', 'direction']), '{{user}} {{direction}}'),
          {
            description: 'Bytes a second, both ways, by user.',
          },
        ),
        timeseries('New sessions', 'ops', query(fleetRate(c.userSessions, ['user']), '{{user}}'), {
          description: 'Far more than usual from one user: the link was passed on.',
        }),
        timeseries('Refused by a limit', 'ops', query(sum(rate(p.limitRefused), 'limit'), '{{limit}}'), {
          description: 'Connections turned away at the door, whoever they were.',
          runbook: 'limit-reached',
        }),
      ],
    },
    {
      title: 'By day and month (UTC)',
      panels: [
        table(
          'Today',
          'bytes',
          query(fleetGauge(c.userDayBytes, ['user', 'direction']), '{{user}} {{direction}}'),
          {
            description: 'Bytes of each user since midnight, UTC.',
          },
        ),
        table(
          'This month',
          'bytes',
          query(fleetGauge(c.userMonthBytes, ['user', 'direction']), '{{user}} {{direction}}'),
          {
            description: 'Bytes of each user since the first of the month, UTC; survives restarts.',
          },
        ),
        timeseries(
          'Bytes of the day',
          'bytes',
          query(fleetGauge(c.dayBytes, ['direction']), '{{direction}}'),
          {
            description: 'Of everybody, since midnight UTC.',
          },
        ),
        stat('Bytes of the month', 'bytes', query(fleetGauge(c.monthBytes, ['direction']), '{{direction}}'), {
          description: 'Of everybody: hold it against what your provider includes.',
        }),
        stat('Sessions of the day', 'short', query(fleetGauge(c.daySessions), 'today'), {
          description: 'Of everybody, since midnight UTC.',
        }),
        stat('Sessions of the month', 'short', query(fleetGauge(c.monthSessions), 'this month'), {
          description: 'Of everybody, since the first, UTC.',
        }),
      ],
    },
  ],
}
