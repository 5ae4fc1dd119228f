import { cpus } from 'node:os'

/** Decides whether CPU use of other programs on the host explains an alert. */
export type HostWatch = Disposable & {
  explains(name: string, at: number): boolean
}

const isOfHost = new Set([
  ...['host-cpu', 'MtscopeHostCpu', 'event-loop', 'MtscopeEventLoop'],
  // Answers are late when both ends wait for a core: Redis has 50 ms to answer, a round trip may take 100 ms more than usual, a
  // scrape one second here, and a broker 30 s, scaled.
  ...['replay-unclaimed', 'MtscopeReplayUnclaimed', 'datacenter-slow', 'MtscopeDatacenterSlow'],
  ...['kafka-lost', 'MtscopeKafkaLost', 'MtscopeNodeSilent'],
])
/** Below the limit of the rules, which look at another part of the same minute. */
const busyFrom = 0.85

/** Measures the CPU of the host independently, so that a true alert about a busy host does not count as false. */
export const watchHost = (factor: number): HostWatch => {
  const looks: { readonly at: number; readonly idle: number; readonly all: number }[] = []
  const look = (): void => {
    const times = cpus().map((cpu) => cpu.times)
    const idle = times.reduce((sum, cpu) => sum + cpu.idle, 0)
    const all = times.reduce((sum, cpu) => sum + cpu.idle + cpu.user + cpu.sys + cpu.nice + cpu.irq, 0)
    looks.push({ at: performance.now(), idle, all })
  }
  look()
  const looking = setInterval(look, 1_000)
  return {
    explains: (name, at) => {
      if (!isOfHost.has(name)) return false
      const until = looks.findLast((one) => one.at <= at)
      const from = looks.findLast((one) => one.at <= at - Math.max(15_000, 180_000 * factor)) ?? looks[0]
      if (from === undefined || until === undefined || until.all === from.all) return false
      return 1 - (until.idle - from.idle) / (until.all - from.all) >= busyFrom
    },
    [Symbol.dispose]: () => clearInterval(looking),
  }
}
