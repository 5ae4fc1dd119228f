import type { Say } from './say.ts'
import { followLog, type LogToFollow } from './source/local.ts'
import type { Status } from './status.ts'
import { buildStatus } from './status-builder.ts'

export type CollectorOptions = {
  readonly log: LogToFollow
  readonly version: string
  /** Epoch ms. */
  readonly now: () => number
  readonly say: Say
  readonly timings?: {
    /** Between two snapshots: what a kill costs is folding so much again. */
    readonly snapshotMs?: number
  }
}

export type Collector = {
  status(): Status
  /** Settles when the past is folded; fails with what the log threw. */
  readonly caughtUp: Promise<void>
  /** Keeps the state and folds no more. */
  stop(): void
}

/** The collector of one appliance: it follows the local log and answers from memory. */
export const startCollector = ({ log, version, now, say, timings = {} }: CollectorOptions): Collector => {
  const following = followLog(log, now, say)
  const saving = setInterval(following.save, timings.snapshotMs ?? 60_000)
  saving.unref()
  return {
    status: () => buildStatus(following.state, { version, alerts: [], lagMs: following.lagMs(), now: now() }),
    caughtUp: following.caughtUp,
    stop() {
      clearInterval(saving)
      following.stop()
    },
  }
}
