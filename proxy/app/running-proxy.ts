import type { Reloaded } from '../api/node.ts'
import type { ReadingPort } from '../api/reading.ts'
import type { Config } from '../config/config.ts'
import type { LocalLog } from '../event-log/event-log.ts'
import type { Routes } from '../http/server.ts'
import type { Logger } from '../logger/logger.ts'
import type { Threads } from '../relay/threads/threads.ts'
import type { Link } from '../users/links.ts'
import type { LinkAddress } from '../users/public-address.ts'
import type { UserTotals } from './user-limits.ts'
import type { CurrentUsers } from './users.ts'

/** What the appliance adds to the proxy: the read side, on the same event log and the same HTTP server. */
export type Extension = {
  readonly routes: Partial<Routes>
  /** What the API reads of it. */
  readonly reading: ReadingPort
  /** Resolves when the past is folded. */
  readonly ready: Promise<void>
  /** Totals of users, for their quotas. */
  readonly totals: UserTotals
  stop(): void | Promise<void>
}

/** What signals do to the program, for the API. */
export type Operations = {
  /** As SIGHUP. */
  reload(): Reloaded
  /** As SIGTERM, with `ms` for connections to end; null: DRAIN_SECONDS. Returns that time. */
  drain(ms: number | null): number
}

export type UsersChange = Pick<Extract<Reloaded, { ok: true }>, 'users' | 'added' | 'removed'>

export type ProxyOptions = {
  readonly config: Config
  readonly version: string
  readonly env: NodeJS.ProcessEnv
  readonly logger: Logger
  /** Called when the data plane cannot go on. */
  readonly failed: (reason: string) => void
  readonly extend?: (log: LocalLog) => Promise<Extension>
  readonly operations: Operations
}

export type RunningProxy = {
  readonly port: number
  readonly metricsUrl: string
  readonly engine: Threads['engine']
  readonly congestion: Threads['congestion']
  readonly address: LinkAddress
  readonly users: CurrentUsers
  /** The links of the first `most` enabled users. */
  linksAt(most: number): readonly Link[]
  /** Reports an exception of the main thread. */
  readonly fault: (error: unknown) => void
  /** Replaces the users; connections go on. Returns the change and the new links. Throws when the configured users are all gone. */
  reload(config: Config): UsersChange & { readonly links: readonly Link[] }
  /** Stops accepting, lets connections end for `drainMs`, flushes everything, closes. */
  stop(reason: string, drainMs: number): Promise<void>
}
