import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { runtimeMetrics as r } from '../../proxy/telemetry/catalogue/runtime-catalogue.ts'
import { budgetCases } from './budget-cases.ts'
import { limitCases } from './limit-cases.ts'
import { middleProxyCases } from './middle-proxy-cases.ts'
import { type Case, type Input, on, pipelineCases } from './pipeline-cases.ts'

const dc = `dc="2",family="ipv4",media="false",${on}`
const v6 = `dc="2",family="ipv6",media="false",${on}`
const closed = (reason: string, phase = 'relaying'): string =>
  `${p.connectionsClosed.name}{by="client",phase="${phase}",reason="${reason}",dc="2",mode="tls",${on}}`
const rtt = (le: string): string => `${p.datacenterSeconds.name}_bucket{le="${le}",${dc}}`
const rttCount = `${p.datacenterSeconds.name}_count{${dc}}`
const rejected = (reason: string): string => `${p.handshakesRejected.name}{reason="${reason}",${on}}`
const signedRefused = `${p.signedRefused.name}{reason="unknown-sni",${on}}`
const accepted = `${p.handshakeSeconds.name}_count{mode="tls",${on}}`

/** Round trips of a probe every 30 s for four hours, below 100 ms, then slower for half an hour. */
const roundTrips = (later: 'fast' | 'slow'): Input => ({
  [rtt('0.1')]: later === 'fast' ? '0+1x540' : '0+1x480 480x60',
  [rtt('0.5')]: '0+1x540',
  [rtt('+Inf')]: '0+1x540',
  [rttCount]: '0+1x540',
})

export const cases: readonly Case[] = [
  ...budgetCases,
  ...middleProxyCases,
  {
    name: 'a datacenter is down for five minutes',
    series: {
      [`${p.datacenterUp.name}{${dc}}`]: '1x100 0x20',
      [`${p.datacenterUp.name}{dc="4",family="ipv4",media="false",${on}}`]: '1x120',
    },
    at: '55m',
    firing: ['MtscopeDatacenterDown'],
  },
  {
    name: 'one failed probe does not fire',
    series: { [`${p.datacenterUp.name}{${dc}}`]: '1x100 0 1x20' },
    at: '51m',
    firing: [],
  },
  {
    name: 'a host without IPv6 does not fire',
    series: { [`${p.datacenterUp.name}{${dc}}`]: '1x120', [`${p.datacenterUp.name}{${v6}}`]: '0x120' },
    at: '1h',
    firing: [],
  },
  {
    name: 'a host that reaches nothing at all is an outage',
    series: { [`${p.datacenterUp.name}{${dc}}`]: '0x120', [`${p.datacenterUp.name}{${v6}}`]: '0x120' },
    at: '1h',
    firing: ['MtscopeDatacenterDown'],
  },
  {
    name: 'an upstream is down for five minutes',
    series: {
      [`${p.upstreamUp.name}{upstream="socks5-1",${on}}`]: '1x100 0x20',
      [`${p.upstreamUp.name}{upstream="direct",${on}}`]: '1x120',
    },
    at: '55m',
    firing: ['MtscopeUpstreamDown'],
  },
  {
    name: 'an upstream that is back within a minute does not fire',
    series: { [`${p.upstreamUp.name}{upstream="socks5-1",${on}}`]: '1x100 0x1 1x20' },
    at: '51m',
    firing: [],
  },
  {
    name: 'a datacenter gets slow',
    series: roundTrips('slow'),
    at: '4h29m',
    firing: ['MtscopeDatacenterSlow'],
  },
  { name: 'a datacenter as fast as ever', series: roundTrips('fast'), at: '4h29m', firing: [] },
  {
    name: 'half of the connections are reset',
    series: { [closed('done')]: '0+10x200 2000+5x20', [closed('reset')]: '0x200 0+5x20' },
    at: '109m',
    firing: ['MtscopeConnectionDrops'],
  },
  {
    name: 'twenty resets between two scrapes, the first that there were',
    series: { [closed('done')]: '0+10x200 2000+1x20', [closed('reset')]: '0x200 20x20' },
    at: '103m',
    firing: ['MtscopeConnectionDrops'],
  },
  {
    name: 'half of the connections are reset at a proxy that is twenty minutes old, for ten of them',
    series: { [closed('done')]: '0+10x20 200+5x20', [closed('reset')]: '0x20 0+5x20' },
    at: '19m',
    firing: ['MtscopeConnectionDrops'],
  },
  {
    name: 'all connections are reset, for so long that it is nearly the usual',
    series: { [closed('done')]: '0+10x40 400x440', [closed('reset')]: '0x40 0+10x440' },
    at: '3h58m',
    firing: ['MtscopeConnectionDrops'],
  },
  {
    name: 'a third is reset every day, and today',
    series: { [closed('done')]: '0+20x480', [closed('reset')]: '0+10x480' },
    at: '3h58m',
    firing: [],
  },
  {
    name: 'a third was reset every day, and now nearly all',
    series: { [closed('done')]: '0+20x460 9200+1x20', [closed('reset')]: '0+10x460 4600+19x20' },
    at: '3h58m',
    firing: ['MtscopeConnectionDrops'],
  },
  {
    name: 'idle closes and a drain are not drops',
    series: { [closed('idle')]: '0+10x120', [closed('drain')]: '0+10x120', [closed('done')]: '0+1x120' },
    at: '1h',
    firing: [],
  },
  {
    name: 'two drops of three connections are too few to judge',
    series: { [closed('done')]: '0x110 1x10', [closed('reset')]: '0x110 2x10' },
    at: '58m',
    firing: [],
  },
  {
    name: 'connections stall',
    series: { [closed('done')]: '0+10x220', [closed('stalled', 'waiting')]: '0x200 0+2x20' },
    at: '109m',
    firing: ['MtscopeStalledSessions'],
  },
  {
    name: 'one stalled connection of five is too few to judge',
    series: { [closed('done')]: '0x30 4x10', [closed('stalled', 'waiting')]: '0x30 1x10' },
    at: '19m',
    firing: [],
  },
  {
    name: 'one stalled connection in a hundred',
    series: { [closed('done')]: '0+99x120', [closed('stalled', 'waiting')]: '0+1x120' },
    at: '1h',
    firing: [],
  },
  ...limitCases,
  {
    name: 'a storm of unauthenticated clients',
    series: { [rejected('bad-digest')]: '0+1x400 400+200x40' },
    at: '219m',
    firing: ['MtscopeRejectionStorm'],
  },
  {
    name: 'as many unauthenticated clients as every day',
    series: { [rejected('bad-digest')]: '0+100x440' },
    at: '219m',
    firing: [],
  },
  {
    name: 'captured handshakes are sent again',
    series: { [`${p.replaysRefused.name}{${on}}`]: '0x20 0+2x20' },
    at: '19m',
    firing: ['MtscopeReplays'],
  },
  {
    name: 'one replay is a client that tried twice',
    series: { [`${p.replaysRefused.name}{${on}}`]: '0x20 1x20' },
    at: '19m',
    firing: [],
  },
  {
    name: 'an app with the link of another domain tries again and again',
    series: { [signedRefused]: '0x20 0+1x20' },
    at: '19m',
    firing: ['MtscopeSignedRefused'],
  },
  {
    name: 'one signed hello was refused',
    series: { [signedRefused]: '0x20 1x20' },
    at: '19m',
    firing: [],
  },
  {
    name: 'the masking host is down',
    series: { [`${p.maskingUp.name}{${on}}`]: '1x20 0x20' },
    at: '19m',
    firing: ['MtscopeMaskingLost'],
  },
  {
    name: 'the masking host is back after two checks',
    series: { [`${p.maskingUp.name}{${on}}`]: '1x20 0 0 1x20' },
    at: '19m',
    firing: [],
  },
  {
    name: 'the clock is wrong',
    series: { [rejected('clock-skew')]: '0x20 0+2x20' },
    at: '19m',
    firing: ['MtscopeClockSkew'],
  },
  {
    name: 'one client whose clock is wrong',
    series: { [rejected('clock-skew')]: '0x20 2x20' },
    at: '19m',
    firing: [],
  },
  {
    name: 'one client whose clock is wrong tries again and again, among many whose clocks are right',
    series: { [rejected('clock-skew')]: '0+1x40', [accepted]: '0+30x40' },
    at: '19m',
    firing: [],
  },
  {
    name: 'some clients and this host disagree about the time',
    series: { [rejected('clock-skew')]: '0+5x40', [accepted]: '0+30x40' },
    at: '19m',
    firing: ['MtscopeClockSkew'],
  },
  {
    name: 'the host is busy',
    series: {
      [`${r.hostCpuSeconds.name}{cpu_mode="idle",cpu_logical_number="0",${on}}`]: '0+1x40',
      [`${r.hostCpuSeconds.name}{cpu_mode="idle",cpu_logical_number="1",${on}}`]: '0+1x40',
    },
    at: '19m',
    firing: ['MtscopeHostCpu'],
  },
  {
    name: 'the host is idle',
    series: { [`${r.hostCpuSeconds.name}{cpu_mode="idle",cpu_logical_number="0",${on}}`]: '0+20x40' },
    at: '19m',
    firing: [],
  },
  {
    name: 'a thread is late',
    series: { [`${p.loopDelaySeconds.name}{thread="worker-0",percentile="99",${on}}`]: '0.02x20 0.5x20' },
    at: '19m',
    firing: ['MtscopeEventLoop'],
  },
  {
    name: 'one late turn',
    series: { [`${p.loopDelaySeconds.name}{thread="worker-0",percentile="99",${on}}`]: '0.02x37 0.5 0.02x3' },
    at: '19m',
    firing: [],
  },
  {
    name: 'file descriptors run out',
    series: { [`${p.openFds.name}{${on}}`]: '900x40', [`${p.maxFds.name}{${on}}`]: '1024x40' },
    at: '19m',
    firing: ['MtscopeFileDescriptors'],
  },
  {
    name: 'enough file descriptors',
    series: { [`${p.openFds.name}{${on}}`]: '900x40', [`${p.maxFds.name}{${on}}`]: '65536x40' },
    at: '19m',
    firing: [],
  },
  {
    name: 'a node cannot be scraped',
    series: { [`up{job="mtscope-proxy",${on}}`]: '1x20 0x20' },
    at: '19m',
    firing: ['MtscopeNodeSilent'],
  },
  {
    name: 'the collector receives no events from a node that answers',
    series: {
      [`up{job="mtscope-proxy",${on}}`]: '1x40',
      [`${c.alertActive.name}{rule="node-silent",subject="n1",fleet="f",instance="b"}`]: '1x40',
    },
    at: '19m',
    firing: ['MtscopeNodeSilent'],
  },
  {
    name: 'the OpenTelemetry Collector is gone',
    series: { 'up{job="otelcol",instance="otelcol:8888"}': '1x20 0x20' },
    at: '19m',
    firing: ['MtscopeWatcherSilent'],
  },
  {
    name: 'Grafana is updated, which takes four minutes',
    series: { 'up{job="grafana",instance="grafana:3000"}': '1x20 0x7 1x12' },
    at: '15m30s',
    firing: [],
  },
  {
    name: 'a job of another program is not watched',
    series: { [`up{job="node",${on}}`]: '0x40', [`up{job="mtscope-proxy",${on}}`]: '1x40' },
    at: '19m',
    firing: [],
  },
  ...pipelineCases,
]
