import type { Libc } from './libc.ts'
import type { Pipe } from './pipe.ts'

/** The part of the loop that a link uses. */
export type LinkLoop<NativeLink> = {
  readonly libc: Libc
  readonly scratch: Buffer
  /** Null: the kernel does not splice, every byte is read and sent. */
  pipe: Pipe | null
  /** Sets the events that epoll reports for a link. A link that epoll refuses is faulted. */
  watch(link: NativeLink, interest: number): void
  /** Replaces a pipe in which bytes were left. */
  renewPipe(): void
  /** The kernel or a sandbox refuses to splice: reads everything from now on. */
  stopSplicing(errno: number): void
  /** `performance.now()` at the end of the last wait. */
  readonly wokeAt: number
  /** Calls `rested` of the link a moment later. */
  rest(link: NativeLink): void
  /** Closes the descriptor after the running batch of events, which could otherwise meet its number again. */
  release(fd: number): void
  /** Calls `lost` after the running callback, or `faulted` for an errno that only our own code can cause. */
  fail(link: NativeLink, call: string, errno: number): void
  /** Reports an exception of our own code. */
  report(error: unknown): void
}
