import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'

/** Values of a series, one a step, as `promtool test rules` writes them. */
export type Input = Readonly<Record<string, string>>
/** A case: the scraped series, the time of evaluation, and the alerts that must fire then. */
export type Case = {
  readonly name: string
  readonly series: Input
  readonly at: string
  readonly firing: readonly string[]
  /** Between two values of a series; 30 s when missing. The shortest window of a rate, 5m, must have two of them. */
  readonly step?: '2m'
}

export const on = 'instance="a"'

/** Cases of the events on their way to the state. */
export const pipelineCases: readonly Case[] = [
  {
    name: 'events are lost at a bound',
    series: { [`${p.eventsLost.name}{reason="log-bounds",${on}}`]: '0x20 0+100x20' },
    at: '19m',
    firing: ['MtscopeEventsLost'],
  },
  {
    name: 'events are missing without a reason',
    series: { [`${c.lost.name}{reason="unexplained",fleet="f",${on}}`]: '0x20 0+1x20' },
    at: '19m',
    firing: ['MtscopeEventsLost'],
  },
  {
    name: 'losses of long ago',
    series: { [`${p.eventsLost.name}{reason="log-bounds",${on}}`]: '500x40' },
    at: '19m',
    firing: [],
  },
  {
    name: 'events cannot be shipped',
    series: { [`${p.shipLagSeconds.name}{${on}}`]: '0x20 60+30x20' },
    at: '19m',
    firing: ['MtscopeShipLag'],
  },
  {
    name: 'events are shipped within moments',
    series: { [`${p.shipLagSeconds.name}{${on}}`]: '0.1x40' },
    at: '19m',
    firing: [],
  },
  {
    name: 'the proxy has failed once',
    series: { [`${p.internalErrors.name}{${on}}`]: '0x30 1x10' },
    at: '19m',
    firing: ['MtscopeInternalError'],
  },
  {
    name: 'the proxy failed an hour ago',
    series: { [`${p.internalErrors.name}{${on}}`]: '3x40' },
    at: '19m',
    firing: [],
  },
  {
    name: 'a relay thread has died',
    series: { [`${p.threadDeaths.name}{reason="exited",${on}}`]: '0x30 1x10' },
    at: '19m',
    firing: ['MtscopeThreadDied'],
  },
  {
    name: 'relay threads died an hour ago',
    series: { [`${p.threadDeaths.name}{reason="exited",${on}}`]: '2x40' },
    at: '19m',
    firing: [],
  },
  {
    name: 'a collector has lost Redis',
    series: { [`${c.serviceUp.name}{service="redis",fleet="f",${on}}`]: '1x20 0x20' },
    at: '19m',
    firing: ['MtscopeRedisLost'],
  },
  {
    name: 'a collector has lost Kafka',
    series: { [`${c.serviceUp.name}{service="kafka",fleet="f",${on}}`]: '1x20 0x20' },
    at: '19m',
    firing: ['MtscopeKafkaLost'],
  },
  {
    name: 'a restarted Redis does not fire',
    series: { [`${c.serviceUp.name}{service="redis",fleet="f",${on}}`]: '1x36 0 1x5' },
    at: '19m',
    firing: [],
  },
  {
    name: 'a restarted broker does not fire',
    series: { [`${c.serviceUp.name}{service="kafka",fleet="f",${on}}`]: '1x36 0 1x5' },
    at: '19m',
    firing: [],
  },
  {
    name: 'Redis does not answer for handshakes',
    series: { [`${p.replaysUnclaimed.name}{action="local",${on}}`]: '0x20 0+10x20' },
    at: '19m',
    firing: ['MtscopeReplayUnclaimed'],
  },
  {
    name: 'one late answer of Redis',
    series: { [`${p.replaysUnclaimed.name}{action="local",${on}}`]: '0x20 1x20' },
    at: '19m',
    firing: [],
  },
  {
    name: 'ever more names',
    series: { [`${c.refused.name}{fleet="f",${on}}`]: '0x20 0+50x20' },
    at: '19m',
    firing: ['MtscopeNamesRefused'],
  },
  {
    name: 'ever more labels',
    series: { [`${c.stateRefused.name}{fleet="f",${on}}`]: '0x20 0+50x20' },
    at: '19m',
    firing: ['MtscopeNamesRefused'],
  },
  {
    name: 'names of long ago',
    series: { [`${c.refused.name}{fleet="f",${on}}`]: '50x40' },
    at: '19m',
    firing: [],
  },
  {
    name: 'unreadable messages',
    series: { [`${c.deadLetters.name}{reason="message",fleet="f",${on}}`]: '0x20 0+1x20' },
    at: '19m',
    firing: ['MtscopeDeadLetters'],
  },
  {
    name: 'the event topic is created again',
    series: { [`${c.topicReplaced.name}{reason="topic",fleet="f",${on}}`]: '0x36 4x4' },
    at: '19m',
    firing: ['MtscopeTopicReplaced'],
  },
  {
    name: 'a topic that was created again long ago',
    series: { [`${c.topicReplaced.name}{reason="topic",fleet="f",${on}}`]: '4x40' },
    at: '19m',
    firing: [],
  },
  {
    name: 'dead letters of long ago',
    series: { [`${c.deadLetters.name}{reason="message",fleet="f",${on}}`]: '4x40' },
    at: '19m',
    firing: [],
  },
  {
    name: 'a user store cannot be read',
    series: { [`${p.userStoreReadable.name}{${on}}`]: '1x20 0x20' },
    at: '19m',
    firing: ['MtscopeUsersUnreadable'],
  },
  {
    name: 'a user store could not be read for half a minute',
    series: { [`${p.userStoreReadable.name}{${on}}`]: '1x20 0 1x20' },
    at: '19m',
    firing: [],
  },
  {
    name: 'nothing of a list of networks is known',
    series: { [`${p.listSourcesMissing.name}{list="block",${on}}`]: '0x10 1x20' },
    at: '19m',
    firing: ['MtscopeListStale'],
  },
  {
    name: 'a list of networks was not loaded for a short time',
    series: {
      [`${p.listSourcesMissing.name}{list="block",${on}}`]: '0x30',
      [`${p.listSourcesFailed.name}{list="block",${on}}`]: '1x30',
      [`${p.listTime.name}{list="block",${on}}`]: '0x30',
    },
    at: '19m',
    firing: [],
  },
  {
    name: 'the collector is behind',
    series: { [`${c.lag.name}{fleet="f",${on}}`]: '0.1x20 60x20' },
    at: '19m',
    firing: ['MtscopeCollectorLag'],
  },
  {
    name: 'one of two collectors is behind, the other is not',
    series: {
      [`${c.lag.name}{fleet="f",${on}}`]: '60x40',
      [`${c.lag.name}{fleet="f",instance="b"}`]: '0.1x40',
    },
    at: '19m',
    firing: [],
  },
]
