import { cpus } from 'node:os'

/** Whether the host itself, which others use too, explains an alert. */
export type HostWatch = Disposable & {
  explains(name: string, at: number): boolean
}

const isOfHost = new Set([
  ...['host-cpu', 'MtscopeHostCpu', 'event-loop', 'MtscopeEventLoop'],
  // What is late, as both ends wait for a core: Redis has 50 ms to answer in, a round trip 100 ms more than usual, a scrape
  // one second here, and a broker 30 s, scaled.
  ...['replay-unclaimed', 'MtscopeReplayUnclaimed', 'datacenter-slow', 'MtscopeDatacenterSlow'],
  ...['kafka-lost', 'MtscopeKafkaLost', 'MtscopeNodeSilent'],
])
/** Less than what the rules ask: they look at another moment of the same minute. */
const busyFrom = 0.85

/** Watches the CPU of the host by itself, so that an alert about a busy host is not taken for false when it is one. */
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
