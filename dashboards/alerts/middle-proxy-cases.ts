import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Case, on } from './pipeline-cases.ts'

const up = (dc: number, family: 'ipv4' | 'ipv6'): string =>
  `${p.middleProxyUp.name}{dc="${dc}",family="${family}",media="false",${on}}`

export const middleProxyCases: readonly Case[] = [
  {
    name: 'the middle proxies of a datacenter are away for five minutes',
    series: {
      [up(2, 'ipv4')]: '1x100 0x20',
      [up(2, 'ipv6')]: '0x120',
      [up(4, 'ipv4')]: '1x120',
    },
    at: '55m',
    firing: ['MtscopeMiddleProxiesAway'],
  },
  {
    name: 'middle proxies that answer in one family are enough',
    series: {
      [up(2, 'ipv4')]: '1x120',
      [up(2, 'ipv6')]: '0x120',
    },
    at: '1h',
    firing: [],
  },
]
