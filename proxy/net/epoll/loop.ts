import { createHistogram, performance } from 'node:perf_hooks'
import { lastingPointer } from '../../wire/native.ts'
import { HEAD, type LinkError, type LoopLoad, PULSE_MS, type Work } from '../link.ts'
import { linkErrorOf } from '../link-error.ts'
import { Rests } from './burst.ts'
import * as c from './libc.ts'
import { type Loop, NativeLink } from './link.ts'
import type { ListeningLoop, Waiting } from './listen.ts'
import { closePipe, openPipe, type Pipe, splices } from './pipe.ts'

const EVENTS = 256
/** How long the loop may keep the thread before Node's own (messages, timers) gets its turn; ms. */
const TURN_MS = 20

/** The remote address of a dialed link, which no event contains. */
const noAddress = Buffer.alloc(0)

/** One epoll descriptor, the links and listeners that wait for it, and work for the end of a batch of events. */
export class EpollLoop implements Loop, ListeningLoop {
  readonly libc: c.Libc
  readonly scratch: Buffer
  pipe: Pipe | null
  readonly #epoll: number
  readonly #warn: (line: string) => void
  readonly #table: (Waiting | undefined)[] = []
  readonly #events = c.pinned(EVENTS * c.EPOLL_STRIDE)
  readonly #eventsAt = lastingPointer(this.#events)
  readonly #change = c.pinned(16)
  readonly #changeAt = lastingPointer(this.#change)
  #closing: number[] = []
  #failing: { link: NativeLink; error: LinkError }[] = []
  /** Links that a fault of our own ends. */
  #broken: { link: NativeLink; error: Error }[] = []
  readonly #later: (() => void)[] = []
  #running = false
  /** Node's own loop gets its turn next. */
  #woken = false
  #work: Work = { pulse: () => {}, patience: () => PULSE_MS }
  #pulsedAt = 0
  wokeAt = 0
  readonly #rests = new Rests()
  #retries: { at: number; call: () => void }[] = []
  #report: (error: unknown) => void = () => {}
  readonly #delays = createHistogram()
  #busyMs = 0
  #sampledAt = performance.now()

  constructor(libc: c.Libc, epoll: number, scratchBytes: number, warn: (line: string) => void) {
    this.libc = libc
    this.#epoll = epoll
    this.#warn = warn
    this.scratch = c.pinned(HEAD + scratchBytes)
    this.pipe = openPipe(libc)
  }

  watch(link: NativeLink, interest: number): void {
    const operation = interest < 0 ? c.EPOLL_CTL_DEL : link.interest < 0 ? c.EPOLL_CTL_ADD : c.EPOLL_CTL_MOD
    const errno = this.control(operation, link.fd, Math.max(0, interest))
    link.interest = interest
    if (errno !== 0) this.#broken.push({ link, error: c.systemError('epoll_ctl', errno) })
  }

  control(operation: number, fd: number, interest: number): number {
    this.#change.writeUInt32LE(interest, 0)
    this.#change.writeInt32LE(fd, c.EPOLL_DATA)
    return this.libc.epoll_ctl(this.#epoll, operation, fd, this.#changeAt) === 0 ? 0 : this.libc.errno()
  }

  renewPipe(): void {
    if (this.pipe === null) return
    closePipe(this.libc, this.pipe)
    this.pipe = openPipe(this.libc)
  }

  stopSplicing(errno: number): void {
    if (this.pipe === null) return
    // Not closed yet: the caller may still have bytes in it.
    this.#closing.push(this.pipe.read, this.pipe.write)
    this.pipe = null
    this.#warn(`splice is refused (${c.errnoName(errno)}): downloads are read and sent, which costs more CPU`)
  }

  adopt(fd: number, family: NativeLink['family'], remote: Buffer): NativeLink {
    const link = new NativeLink(this, fd, family, remote)
    this.#table[fd] = link
    this.watch(link, c.EPOLLIN)
    return link
  }

  /** `adopt` for a descriptor that epoll watches for EPOLLOUT. */
  adoptDialed(fd: number, family: NativeLink['family']): NativeLink {
    const link = new NativeLink(this, fd, family, noAddress)
    this.#table[fd] = link
    link.interest = c.EPOLLOUT
    this.watch(link, c.EPOLLIN)
    return link
  }

  attend(fd: number, waiting: Waiting): void {
    this.#table[fd] = waiting
  }

  release(fd: number): void {
    this.#table[fd] = undefined
    this.#closing.push(fd)
  }

  fail(link: NativeLink, call: string, errno: number): void {
    const error = linkErrorOf(c.errnoName(errno))
    if (error !== null) this.#failing.push({ link, error })
    else this.#broken.push({ link, error: c.systemError(call, errno) })
  }

  report(error: unknown): void {
    this.#report(error)
  }

  /** Runs `call` when no other callback is running. */
  later(call: () => void): void {
    this.#later.push(call)
  }

  rest(link: NativeLink): void {
    this.#rests.begin(link, this.wokeAt)
  }

  /** Runs `call` at the first pulse after `ms`. */
  retry(ms: number, call: () => void): void {
    this.#retries.push({ at: performance.now() + ms, call })
  }

  /** Watches `fd` for reading; false: epoll refuses it. */
  wait(fd: number, waiting: Waiting): boolean {
    if (this.control(c.EPOLL_CTL_ADD, fd, c.EPOLLIN) !== 0) return false
    this.#table[fd] = waiting
    return true
  }

  /** Ends the running turn, so that Node reads messages. */
  wake(): void {
    this.#woken = true
  }

  /** Tests epoll, and splice, by a known answer before a client depends on them. False: epoll does not work. */
  prove(): boolean {
    const { libc, pipe } = this
    if (pipe === null) return true
    const polls =
      this.control(c.EPOLL_CTL_ADD, pipe.write, c.EPOLLOUT) === 0 &&
      libc.epoll_wait(this.#epoll, this.#eventsAt, EVENTS, 0) === 1 &&
      this.#events.readInt32LE(c.EPOLL_DATA) === pipe.write &&
      this.control(c.EPOLL_CTL_DEL, pipe.write, 0) === 0
    if (!polls) return false
    const errno = splices(libc, pipe)
    if (errno !== 0) this.stopSplicing(errno)
    return true
  }

  /** Closes a loop that `prove` has refused. */
  discard(): void {
    if (this.pipe !== null) closePipe(this.libc, this.pipe)
    this.libc.close(this.#epoll)
  }

  run(work: Work, report: (error: unknown) => void): void {
    this.#report = report
    this.#work = work
    this.#running = true
    this.#pulsedAt = 0
    const turn = (): void => {
      if (!this.#running) return
      // First of all, so that no exception can end the loop.
      setImmediate(turn)
      this.#run()
    }
    turn()
  }

  stop(): void {
    this.#running = false
    this.#settle()
  }

  sample(): LoopLoad {
    const now = performance.now()
    const load = {
      delayP50Ms: this.#delays.percentile(50) / 1e6,
      delayP99Ms: this.#delays.percentile(99) / 1e6,
      utilization: Math.min(1, this.#busyMs / (now - this.#sampledAt)),
    }
    this.#delays.reset()
    this.#busyMs = 0
    this.#sampledAt = now
    return load
  }

  #run(): void {
    let now = performance.now()
    let busyMs = 0
    this.#woken = false
    while (!this.#woken && busyMs < TURN_MS) {
      if (this.#later.length > 0) {
        for (const call of this.#later.splice(0)) this.#guarded(call)
        this.#settle()
      }
      const n = this.#turn(this.#waitMs(now))
      const woke = performance.now()
      const rested = this.#rests.end(woke)
      if (rested) this.#settle()
      const worked = rested || n > 0
      if (worked) busyMs += woke - this.wokeAt
      now = woke
      if (now - this.#pulsedAt >= (worked ? PULSE_MS : this.#patience())) this.#pulse(now)
    }
  }

  #waitMs(now: number): number {
    if (this.#later.length > 0) return 0
    return Math.max(0, Math.ceil(Math.min(this.#pulsedAt + this.#patience(), this.#rests.until) - now))
  }

  #patience(): number {
    return this.#retries.length > 0 ? PULSE_MS : this.#work.patience()
  }

  #pulse(now: number): void {
    // Reads what the kernel holds by now before `pulse` judges anything to be late.
    for (let left = this.#table.length; this.#turn(0) === EVENTS && left > 0; left -= EVENTS) {}
    this.#pulsedAt = now
    // The pulse may post messages, and some of those that came may be due.
    this.#woken = true
    const due = this.#retries.filter(({ at }) => at <= now)
    this.#retries = this.#retries.filter(({ at }) => at > now)
    for (const { call } of due) this.#guarded(call)
    this.#guarded(() => this.#work.pulse(now))
    this.#settle()
  }

  #turn(timeoutMs: number): number {
    const n = this.libc.epoll_wait(this.#epoll, this.#eventsAt, EVENTS, timeoutMs)
    if (n < 0 && this.libc.errno() !== c.EINTR) {
      this.#report(c.systemError('epoll_wait', this.libc.errno()))
      // It may be refused again and again: Node's own gets its turn.
      this.#woken = true
    }
    const began = performance.now()
    this.wokeAt = began
    for (let i = 0; i < n; i++) {
      const at = i * c.EPOLL_STRIDE
      const fd = this.#events.readInt32LE(at + c.EPOLL_DATA)
      try {
        this.#table[fd]?.ready(this.#events.readUInt32LE(at))
      } catch (error) {
        this.#report(error)
      }
    }
    this.#settle()
    if (n > 0) {
      const took = performance.now() - began
      this.#busyMs += took
      this.#delays.record(Math.max(1, Math.round(took * 1e6)))
    }
    return n
  }

  /** Does what callbacks asked for, when none of them is running. */
  #settle(): void {
    while (this.#failing.length > 0 || this.#broken.length > 0) {
      const [failed, faulted] = [this.#failing, this.#broken]
      this.#failing = []
      this.#broken = []
      for (const { link, error } of faulted) if (!link.closed) link.fault(error)
      for (const { link, error } of failed) if (!link.closed) link.lose(error)
    }
    if (this.#closing.length > 0) {
      const done = this.#closing
      this.#closing = []
      for (const fd of done) this.libc.close(fd)
    }
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#report(error)
    }
  }
}
