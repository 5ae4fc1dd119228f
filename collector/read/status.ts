import type { CloseReason, Family, Mode, Phase, RejectReason, Side } from '../../proxy/events/contract.ts'

/** The answer of `/api/status`, and the only input of the status page. Times are epoch ms, durations ms, rates a second. */
export type Status = {
  at: number
  version: string
  /** One entry for each node; an appliance has one. */
  nodes: NodeStatus[]
  open: { total: number; byMode: Partial<Record<Mode, number>>; byDc: Record<string, number> }
  totals: Traffic & { today: Traffic; month: Traffic; since: number }
  /** Columns of equal length, oldest first: one hour in steps of `stepMs`. Null where nothing is known. */
  series: Series
  latency: Record<'client' | 'handshake' | 'dial' | 'firstByte' | 'datacenter', Quantiles>
  /** One row for each dc × media × family that was probed or dialed in the last two days. */
  datacenters: DatacenterStatus[]
  /** Of advertising mode; empty without it. */
  middleProxies: MiddleProxyStatus[]
  /** What each node has of the documents that Telegram publishes about its middle proxies. */
  middleProxyDocuments: MiddleProxyDocumentStatus[]
  /** The ways from each node to the datacenters; empty with UPSTREAMS=direct. */
  upstreams: UpstreamStatus[]
  closes: { by: Side; phase: Phase; reason: CloseReason; total: number; lastHour: number; drop: boolean }[]
  rejections: { reason: RejectReason; total: number; lastHour: number }[]
  fronted: number
  replaysRefused: number
  limits: Record<string, number>
  /** Connections closed for their PROXY protocol header, by reason. */
  headers: Record<string, number>
  /** Empty where MTPROTO_PORT is the only one. */
  listeners: { name: string; open: number; accepted: number }[]
  users: UserStatus[]
  alerts: AlertStatus[]
  events: { folded: number; lost: Record<string, number>; lagMs: number }
}

export type Traffic = { connections: number; bytesToClient: number; bytesToDatacenter: number }

export type NodeStatus = {
  node: string
  boot: string
  startedAt: number
  lastSeenAt: number
  /** Share of all cores, 0–1. */
  processCpu: number
  hostCpu: number
  rssBytes: number
  heapUsedBytes: number
  openFds: number
  maxFds: number
  loops: { thread: string; delayP50Ms: number; delayP99Ms: number; utilization: number }[]
}

export type Quantiles = { count: number; p50: number | null; p95: number | null; p99: number | null }

export type Series = {
  stepMs: number
  at: number[]
  open: (number | null)[]
  accepted: (number | null)[]
  rejected: (number | null)[]
  drops: (number | null)[]
  /** Bytes a second. */
  toClient: (number | null)[]
  toDatacenter: (number | null)[]
  handshakeP50: (number | null)[]
  handshakeP99: (number | null)[]
  dialP50: (number | null)[]
  dialP99: (number | null)[]
  firstByteP50: (number | null)[]
  firstByteP99: (number | null)[]
  processCpu: (number | null)[]
  hostCpu: (number | null)[]
  loopP99Ms: (number | null)[]
  rssBytes: (number | null)[]
}

export type DatacenterStatus = {
  dc: number
  media: boolean
  family: Family
  address: string
  /** `unknown` until the first probe has a result. */
  state: 'up' | 'slow' | 'down' | 'unknown'
  tcpMs: number | null
  resPqMs: number | null
  resPqP50: number | null
  resPqP99: number | null
  error: string | null
  probedAt: number | null
  open: number
  dialFailures: number
}

export type MiddleProxyStatus = {
  /** The datacenter that they serve. */
  dc: number
  media: boolean
  family: Family
  /** The one that answers fastest. */
  address: string
  state: 'up' | 'down'
  pingMs: number | null
  error: string | null
  probedAt: number
  /** Clients that went through the middle proxies of the datacenter, and around all of them; since the beginning. */
  through: number
  around: number
}

export type MiddleProxyDocumentStatus = {
  node: string
  document: string
  /** Addresses in use; of the secret 0 or 1. */
  entries: number
  /** When it was downloaded; null while there is none. */
  fetchedAt: number | null
  /** Why the last download is not in use. */
  error: string | null
}

export type UpstreamStatus = {
  node: string
  upstream: string
  /** `unknown` after its first try, if that failed. */
  state: 'up' | 'down' | 'unknown'
  workedAt: number | null
  error: string | null
  connections: number
  failures: number
}

export type UserStatus = {
  user: string
  open: number
  today: Traffic
  month: Traffic
  total: Traffic
  /** Refused handshakes of the UTC day by reason. */
  refusedToday: Record<string, number>
  /** 0: never. */
  lastSeenAt: number
}

export type AlertStatus = {
  rule: string
  subject: string
  severity: 'warning' | 'critical'
  summary: string
  value: number
  baseline: number
  since: number
  /** Null while the alert is active. */
  clearedAt: number | null
}
