import type {
  DatacenterStatus,
  Series,
  Status,
  UpstreamStatus,
  UserStatus,
} from '../../../../collector/read/status.ts'

const middle = {
  dc: 2,
  media: false,
  family: 'ipv4',
  state: 'up',
  pingMs: 12.5,
  error: null,
  probedAt: 0,
  through: 0,
  around: 0,
} as const

const upstream = (at: number, name: string, connections: number): UpstreamStatus => ({
  node: 'vps-fra-1',
  upstream: name,
  state: 'up',
  workedAt: at - 2100,
  error: null,
  connections,
  failures: 0,
})

const steps = 360
const stepMs = 10_000

/** The `/api/status` of a busy, healthy appliance, for tests and screenshots of the page. */
export const sampleStatus = (at: number): Status => ({
  at,
  version: '0.1.0',
  nodes: [
    {
      node: 'vps-fra-1',
      boot: 'b0',
      startedAt: at - 11 * 86_400_000 - 5 * 3_600_000,
      lastSeenAt: at - 1200,
      processCpu: 0.173,
      hostCpu: 0.31,
      rssBytes: 182_400_000,
      heapUsedBytes: 48_200_000,
      openFds: 2714,
      maxFds: 65_536,
      loops: [
        { thread: 'main', delayP50Ms: 0.31, delayP99Ms: 3.2, utilization: 0.06 },
        { thread: 'worker-0', delayP50Ms: 0.42, delayP99Ms: 4.9, utilization: 0.29 },
        { thread: 'worker-1', delayP50Ms: 0.4, delayP99Ms: 5.6, utilization: 0.33 },
      ],
    },
  ],
  open: {
    total: 1284,
    byMode: { secure: 322, tls: 962 },
    byDc: { '1': 88, '2': 704, '4': 391, '5': 101 },
  },
  totals: {
    connections: 3_412_908,
    bytesToClient: 41_200_000_000_000,
    bytesToDatacenter: 2_310_000_000_000,
    today: { connections: 96_412, bytesToClient: 1_180_000_000_000, bytesToDatacenter: 64_000_000_000 },
    month: {
      connections: 2_104_118,
      bytesToClient: 26_300_000_000_000,
      bytesToDatacenter: 1_400_000_000_000,
    },
    since: at - 47 * 86_400_000,
  },
  series: sampleSeries(at),
  latency: {
    client: { count: 181_000, p50: 48, p95: 190, p99: 620 },
    handshake: { count: 96_412, p50: 1.4, p95: 6.1, p99: 14 },
    dial: { count: 96_000, p50: 0.2, p95: 38, p99: 61 },
    firstByte: { count: 95_100, p50: 74, p95: 210, p99: 480 },
    datacenter: { count: 40_000, p50: 31, p95: 160, p99: 190 },
  },
  datacenters: [
    route(1, 'ipv4', false, '149.154.175.50:443', 96, 88),
    route(2, 'ipv4', false, '149.154.167.51:443', 13, 611),
    route(2, 'ipv4', true, '149.154.167.151:443', 14, 93),
    route(2, 'ipv6', false, '[2001:67c:4e8:f002::a]:443', 12, 0),
    route(3, 'ipv4', false, '149.154.175.100:443', 97, 0),
    route(4, 'ipv4', false, '149.154.167.91:443', 13, 288),
    route(4, 'ipv4', true, '149.154.164.250:443', 15, 103),
    route(4, 'ipv6', false, '[2001:67c:4e8:f004::a]:443', 12, 0),
    { ...route(5, 'ipv4', false, '149.154.171.5:443', 168, 101), dialFailures: 3 },
  ],
  middleProxies: [
    { ...middle, dc: 2, address: '149.154.161.144:8888', through: 40_112, around: 3 },
    { ...middle, dc: 2, media: true, address: '149.154.161.144:8888', through: 40_112, around: 3 },
    { ...middle, dc: 4, address: '91.108.4.204:8888', through: 22_830 },
  ],
  middleProxyDocuments: [
    { node: 'vps-fra-1', document: 'config', entries: 38, fetchedAt: at - 1_900_000, error: null },
    { node: 'vps-fra-1', document: 'secret', entries: 1, fetchedAt: at - 9_000_000, error: 'timeout' },
  ],
  upstreams: [upstream(at, 'direct', 8112), upstream(at, 'socks5-1', 1_904_310)],
  closes: [
    { by: 'client', phase: 'relaying', reason: 'done', total: 2_911_034, lastHour: 3120, drop: false },
    { by: 'client', phase: 'relaying', reason: 'reset', total: 31_002, lastHour: 41, drop: true },
    { by: 'proxy', phase: 'relaying', reason: 'idle', total: 301_118, lastHour: 402, drop: false },
    { by: 'datacenter', phase: 'relaying', reason: 'done', total: 114_772, lastHour: 118, drop: false },
    { by: 'datacenter', phase: 'waiting', reason: 'reset', total: 812, lastHour: 2, drop: true },
    { by: 'datacenter', phase: 'dial', reason: 'timeout', total: 204, lastHour: 3, drop: true },
    { by: 'client', phase: 'fronting', reason: 'bad-digest', total: 41_880, lastHour: 96, drop: false },
    { by: 'proxy', phase: 'hello', reason: 'timeout', total: 11_042, lastHour: 19, drop: false },
  ],
  rejections: [
    { reason: 'bad-digest', total: 20_114, lastHour: 44 },
    { reason: 'not-mtproto', total: 17_220, lastHour: 31 },
    { reason: 'timeout', total: 11_042, lastHour: 19 },
    { reason: 'clock-skew', total: 401, lastHour: 1 },
    { reason: 'replayed', total: 37, lastHour: 0 },
  ],
  fronted: 41_880,
  replaysRefused: 37,
  limits: { handshakes: 0 },
  headers: { 'bad-header': 12 },
  listeners: [{ name: 'balancer', open: 38, accepted: 12_750 }],
  users: ['family', 'office', 'Оля', 'backup phone'].map((user, index) => sampleUser(user, index, at)),
  alerts: [
    {
      rule: 'connection-drops',
      subject: 'dc 5',
      severity: 'critical',
      summary: 'Connections to DC 5 end normally again: 2 % dropped.',
      value: 2,
      baseline: 1,
      since: at - 5 * 3_600_000,
      clearedAt: at - 4.7 * 3_600_000,
    },
  ],
  events: { folded: 24_118_340, lost: {}, lagMs: 62 },
})

/** The same in trouble: a datacenter is down, another slow, and clients feel it. */
export const troubledStatus = (at: number): Status => {
  const well = sampleStatus(at)
  const hit = (value: number | null, index: number, factor: number) =>
    value !== null && index > steps - 40 ? value * factor : value
  return {
    ...well,
    open: { ...well.open, total: 899 },
    datacenters: well.datacenters.map((row) => {
      if (row.dc === 4 && !row.media && row.family === 'ipv4')
        return { ...row, state: 'down', resPqMs: null, tcpMs: null, error: 'timeout', dialFailures: 214 }
      if (row.dc === 4 && row.family === 'ipv6')
        return { ...row, state: 'down', resPqMs: null, tcpMs: null, error: 'unreachable' }
      return row.dc === 5 ? { ...row, state: 'slow', resPqP50: 912, resPqP99: 2410 } : row
    }),
    series: {
      ...well.series,
      drops: well.series.drops.map((value, index) => (index > steps - 40 ? 0.4 + 0.05 * (index % 3) : value)),
      firstByteP99: well.series.firstByteP99.map((value, index) => hit(value, index, 6)),
      open: well.series.open.map((value, index) =>
        index > steps - 40 ? Math.round((value ?? 0) * 0.7) : value,
      ),
    },
    closes: well.closes.map((row) => (row.phase === 'dial' ? { ...row, lastHour: 214, total: 415 } : row)),
    alerts: [
      {
        rule: 'datacenter-down',
        subject: 'dc 4 ipv4',
        severity: 'critical',
        summary:
          'DC 4 over IPv4 has not answered since 02:54 UTC (11 tries failed, the last: timeout): accounts at home there cannot connect. Other datacenters answer, so the fault is this datacenter or the route to it: ask your provider, or wait.',
        value: 11,
        baseline: 0,
        since: at - 6 * 60_000,
        clearedAt: null,
      },
      {
        rule: 'connection-drops',
        subject: 'dc 4',
        severity: 'critical',
        summary:
          '214 of 680 connections to DC 4 that ended in the last 5 min were dropped (31 %, usually 1 %, mostly datacenter/dial/timeout): these users were cut off. The fault is between this host and Telegram: check the row of the datacenter, and try another route or provider.',
        value: 31,
        baseline: 1,
        since: at - 5 * 60_000,
        clearedAt: null,
      },
      ...well.alerts,
    ],
    events: { ...well.events, lost: { 'log-bounds': 1200 } },
  }
}

/** An appliance that has just started: no connection yet. */
export const emptyStatus = (at: number): Status => {
  const nothing = { connections: 0, bytesToClient: 0, bytesToDatacenter: 0 }
  const unmeasured = { count: 0, p50: null, p95: null, p99: null }
  const well = sampleStatus(at)
  const columns = Object.keys(well.series).filter((key) => key !== 'stepMs' && key !== 'at')
  return {
    ...well,
    nodes: [],
    open: { total: 0, byMode: {}, byDc: {} },
    totals: { ...nothing, today: nothing, month: nothing, since: at - 3000 },
    series: {
      ...well.series,
      ...Object.fromEntries(columns.map((key) => [key, well.series.at.map(() => null)])),
    },
    latency: {
      client: unmeasured,
      handshake: unmeasured,
      dial: unmeasured,
      firstByte: unmeasured,
      datacenter: unmeasured,
    },
    datacenters: [],
    middleProxies: [],
    middleProxyDocuments: [],
    upstreams: [],
    closes: [],
    rejections: [],
    ...{ fronted: 0, replaysRefused: 0 },
    ...{ limits: {}, headers: {}, listeners: [] },
    users: [],
    alerts: [],
    events: { folded: 1, lost: {}, lagMs: 4 },
  }
}

const route = (
  dc: number,
  family: DatacenterStatus['family'],
  media: boolean,
  address: string,
  resPqMs: number,
  open: number,
): DatacenterStatus => ({
  dc,
  media,
  family,
  address,
  state: 'up',
  tcpMs: resPqMs * 0.92,
  resPqMs,
  resPqP50: resPqMs * 1.02,
  resPqP99: resPqMs * 1.6,
  error: null,
  probedAt: 0,
  open,
  dialFailures: 0,
})

const sampleUser = (user: string, index: number, at: number): UserStatus => {
  const part = (whole: number) => ({
    connections: Math.round(whole / (index + 2)),
    bytesToClient: (whole * 12_000_000) / (index * index + 2),
    bytesToDatacenter: (whole * 700_000) / (index + 2),
  })
  const open = [702, 481, 101, 0][index] ?? 0
  return {
    user,
    open,
    today: part(96_412),
    month: part(2_104_118),
    total: part(3_412_908),
    refusedToday: index === 1 ? { 'clock-skew': 12 } : {},
    lastSeenAt: at - index * 1_900_000,
  }
}

/** An hour with a slow swell and a noise that is the same in every run. */
const sampleSeries = (end: number): Series => {
  const column = (base: number, swell: number, noise: number) =>
    Array.from({ length: steps }, (_, at) => {
      const grain = (n: number) => Math.abs(Math.sin(n * 12.9898 + base) * 43_758.5453) % 1
      const smooth = (grain(at) + 2 * grain(at + 1) + grain(at + 2)) / 4 - 0.5
      return Math.max(0, base + swell * Math.sin(at / 58) + noise * smooth)
    })
  const whole = (base: number, swell: number, noise: number) => column(base, swell, noise).map(Math.round)
  return {
    stepMs,
    at: Array.from({ length: steps }, (_, at) => end - (steps - 1 - at) * stepMs),
    open: [...whole(1240, 110, 30).slice(0, -1), 1284],
    accepted: column(1.1, 0.3, 0.5),
    rejected: column(0.04, 0.03, 0.1),
    drops: column(0.01, 0.01, 0.03),
    toClient: column(21_000_000, 6_000_000, 7_000_000),
    toDatacenter: column(1_900_000, 500_000, 900_000),
    handshakeP50: column(1.4, 0.2, 0.4),
    handshakeP99: column(11, 3, 8),
    dialP50: column(0.3, 0.1, 0.2),
    dialP99: column(52, 9, 22),
    firstByteP50: column(74, 8, 12),
    firstByteP99: column(410, 60, 190),
    processCpu: column(0.17, 0.05, 0.03),
    hostCpu: column(0.3, 0.06, 0.05),
    loopP99Ms: column(4.8, 1.2, 2.2),
    rssBytes: column(181_000_000, 4_000_000, 2_000_000),
  }
}
