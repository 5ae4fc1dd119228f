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
