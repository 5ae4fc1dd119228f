/** Measurements of a process and its host over one interval. Part of the contract. */
export type ProcessSample = {
  intervalMs: number
  /** Of this process, since the last sample. */
  cpuUserMs: number
  cpuSystemMs: number
  /** Of the host, over all cores: 0–1. */
  hostCpu: number
  cores: number
  rssBytes: number
  heapUsedBytes: number
  externalBytes: number
  loops: readonly LoopSample[]
  openFds: number
  maxFds: number
  gcMs: number
  openConnections: number
  uptimeSeconds: number
}

export type LoopSample = {
  /** `main` or `worker-0` … */
  thread: string
  delayP50Ms: number
  delayP99Ms: number
  /** 0–1. */
  utilization: number
}

/** A relay thread used up its heap, an exception left it, or it ended in another way. */
export type DeathReason = 'out-of-memory' | 'failed' | 'exited'

/**
 * The network between client and proxy, as the kernel measures it for the bytes to the client. Absent with `node:net`, and
 * for short connections with few bytes.
 */
export type ClientPath = {
  /** Smoothed round trip of the client’s network; absent with `node:net`, as the next three. */
  clientRttMs?: number
  /** Segments with data that were sent to the client since accept, retransmissions included. */
  clientSegments?: number
  clientRetransmits?: number
  /** Rate at which the network delivers, bytes a second; absent when the proxy never sent that fast. */
  clientDeliveryRate?: number
}

/** OpenTelemetry's `network.type`. */
export type Family = 'ipv4' | 'ipv6'

/** Why a dial or a probe failed, from the kernel's errno. */
export type DialError =
  | 'refused'
  | 'timeout'
  | 'unreachable'
  | 'reset'
  | 'no-descriptors'
  | 'protocol'
  | 'other'

/**
 * A worker queued too much, the disk was full, LOG_MAX_BYTES deleted rows that a consumer still needed, or a stored
 * event has a type, version or shape that this program does not know.
 */
export type LossReason = 'worker-queue' | 'log-full' | 'log-bounds' | 'unreadable'
