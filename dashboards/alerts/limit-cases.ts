import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Case, on } from './pipeline-cases.ts'

const refused = `${p.limitRefused.name}{limit="connections",${on}}`
const came = `${p.connectionsAccepted.name}{${on}}`

/** Cases of connections refused at accept. */
export const limitCases: readonly Case[] = [
  {
    name: 'a full proxy refuses more than it accepts',
    series: { [refused]: '0x20 0+5x30', [came]: '0+10x20 200+3x30' },
    at: '18m',
    firing: ['MtscopeClientsRefused', 'MtscopeLimitReached'],
  },
  {
    name: 'a full proxy fires within four minutes',
    series: { [refused]: '0x20 0+10x30', [came]: '0+10x20 200+3x30' },
    at: '14m',
    firing: ['MtscopeClientsRefused'],
  },
  {
    name: 'one refused connection',
    series: { [refused]: '0x20 1x40', [came]: '0+10x60' },
    at: '13m',
    firing: [],
  },
  {
    name: 'one refused connection, five minutes later',
    series: { [refused]: '0x20 1x40', [came]: '0+10x60' },
    at: '16m',
    firing: [],
  },
  {
    name: 'a burst of handshakes that is over',
    series: { [refused]: '0x20 200x40', [came]: '0+10x60' },
    at: '13m',
    firing: [],
  },
  {
    name: 'a few refused, again and again',
    series: { [refused]: '0x20 1 1 1 1 2 2 2 2 3 3 3 3 4 4 4 4 5 5 5 5 6 6', [came]: '0+10x60' },
    at: '19m',
    firing: ['MtscopeLimitReached'],
  },
  {
    name: 'one in fifty of a busy proxy',
    series: { [refused]: '0+10x60', [came]: '0+500x60' },
    at: '19m',
    firing: ['MtscopeLimitReached'],
  },
  {
    name: 'unauthenticated clients are refused all the time',
    series: { [`${p.limitRefused.name}{limit="strangers",${on}}`]: '0+50x60', [came]: '0+60x60' },
    at: '19m',
    firing: [],
  },
  {
    name: 'no limit was reached',
    series: { [`${p.limitRefused.name}{limit="connections",${on}}`]: '7x40' },
    at: '19m',
    firing: [],
  },
  {
    name: 'a user comes back although its quota is used up',
    series: { [`${c.userRefused.name}{user="ann",reason="quota",fleet="here"}`]: '0x20 0+2x40' },
    at: '15m',
    firing: ['MtscopeQuotaReached'],
  },
  {
    name: 'a user was refused an hour ago, and another one for its connections',
    series: {
      [`${c.userRefused.name}{user="ann",reason="quota",fleet="here"}`]: '0x4 5x200',
      [`${c.userRefused.name}{user="bob",reason="user-connections",fleet="here"}`]: '0+5x200',
    },
    at: '30m',
    firing: [],
  },
]
