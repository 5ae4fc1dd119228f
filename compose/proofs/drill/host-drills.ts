import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { dying } from '../../test/kit/processes/dying.ts'
import { again } from './again.ts'
import { blockList } from './block-list.ts'
import { breaking } from './breaking.ts'
import { collector, type Drill, prometheus } from './drill.ts'
import { idleClientsAt } from './unauthenticated-drills.ts'

/** The highest value of `count` once it has not risen for two seconds: pooled connections follow a burst of clients. */
const settled = async (count: () => number): Promise<number> => {
  let highest = count()
  for (let calm = 0; calm < 20; calm++) {
    await wait(100)
    if (count() > highest) calm = 0
    highest = Math.max(highest, count())
  }
  return highest
}

/** Starts processes that only use CPU. They end after five minutes, or when the returned function is called. */
const burn = (count: number): (() => Promise<void>) => {
  const lastsMs = 300_000
  const program = `const end = Date.now() + ${lastsMs}; while (Date.now() < end);`
  const children: ChildProcess[] = Array.from({ length: count }, () =>
    spawn(process.execPath, ['-e', program], { stdio: 'ignore' }),
  )
  return async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'close')
    }
  }
}

const setLimit = (pid: number, soft: number): void => {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`])
}

const list = blockList('drill')
const fault = breaking('drill')
const death = dying('drill')
const cut = 'its clients are cut, and its last events are lost'

/** Faults of the machine and of the processes on it. */
export const hostDrills: readonly Drill[] = [
  {
    name: 'another program uses every core of the host',
    alone: true,
    strike: async () => burn(availableParallelism()),
    fires: [
      collector('host-cpu', 'proxy-1'),
      collector('host-cpu', 'proxy-2'),
      prometheus('MtscopeHostCpu', 'instance=proxy-1'),
      prometheus('MtscopeHostCpu', 'instance=proxy-2'),
    ],
  },
  {
    name: 'the code of both proxies throws in every handshake for 2 s',
    env: fault.env,
    strike: async () => {
      fault.start()
      await wait(2_000)
      fault.stop()
      return null
    },
    fires: [
      collector('internal-error', 'proxy-1'),
      collector('internal-error', 'proxy-2'),
      prometheus('MtscopeInternalError', 'instance=proxy-1'),
      prometheus('MtscopeInternalError', 'instance=proxy-2'),
    ],
  },
  {
    name: 'a relay thread of a proxy dies',
    env: death.env,
    strike: async ({ fleet }) => {
      death.kill(fleet.proxies[0]!.pid, 0)
      return () => death[Symbol.dispose]()
    },
    fires: [collector('thread-died', 'proxy-1'), prometheus('MtscopeThreadDied', 'instance=proxy-1')],
    follows: [
      { ...collector('events-lost'), because: cut },
      { ...prometheus('MtscopeEventsLost'), because: cut },
      { ...collector('connection-drops'), because: cut },
      { ...prometheus('MtscopeConnectionDrops'), because: cut },
    ],
  },
  {
    name: 'a proxy is paused for 0.6 s again and again',
    alone: true,
    strike: async ({ fleet }) => {
      const [proxy] = fleet.proxies
      const stop = again(900, async () => {
        proxy!.signal('SIGSTOP')
        await wait(600)
        proxy!.signal('SIGCONT')
      })
      return async () => {
        await stop()
        proxy!.signal('SIGCONT')
      }
    },
    fires: [
      collector('event-loop', 'proxy-1'),
      prometheus('MtscopeEventLoop', 'instance=proxy-1 thread=main'),
    ],
    follows: [
      {
        ...prometheus('MtscopeEventLoop', 'instance=proxy-1 thread=worker-0'),
        because: 'its worker thread pauses, too; the traffic decides whether that is one turn in a hundred',
      },
    ],
  },
  {
    name: 'the limit of open files is lowered until 90 % are in use',
    strike: async (world) => {
      const { pid } = world.fleet.proxies[0]!
      const leave = await idleClientsAt(world, 0, 100)
      const open = await settled(() => readdirSync(`/proc/${pid}/fd`).length)
      const before = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))
      setLimit(pid, Math.floor(open / 0.9))
      return async () => {
        setLimit(pid, Number(before?.[1] ?? 1024))
        await leave()
      }
    },
    fires: [
      collector('file-descriptors', 'proxy-1'),
      prometheus('MtscopeFileDescriptors', 'instance=proxy-1'),
    ],
  },
  {
    name: 'a proxy starts without the file of its block list',
    get env() {
      list.write()
      return list.env
    },
    strike: async ({ fleet }) => {
      const [proxy] = fleet.proxies
      list.remove()
      await proxy!.stop()
      await proxy!.start()
      return () => {
        list.write()
        proxy!.signal('SIGHUP')
      }
    },
    fires: [
      collector('list-stale', 'proxy-1 BLOCK_LISTS'),
      prometheus('MtscopeListStale', 'instance=proxy-1 list=block'),
    ],
  },
  {
    name: 'a proxy dies',
    strike: async ({ fleet }) => {
      const proxy = fleet.proxies[1]!
      await proxy.stop('SIGKILL')
      return proxy.start
    },
    fires: [collector('node-silent', 'proxy-2'), prometheus('MtscopeNodeSilent', 'instance=proxy-2')],
    follows: [
      {
        ...prometheus('MtscopeNodeSilent', 'subject=proxy-2'),
        because: 'Prometheus also watches the silence that the collectors measure',
      },
    ],
  },
  {
    name: 'a proxy and a collector restart cleanly',
    watch: 30,
    strike: async ({ fleet }) => {
      for (const one of [fleet.proxies[1]!, fleet.collectors[1]!]) {
        await one.stop()
        await one.start()
      }
      return null
    },
    fires: [],
  },
  {
    name: 'a collector dies',
    strike: async ({ fleet }) => {
      const one = fleet.collectors[1]!
      await one.stop('SIGKILL')
      return one.start
    },
    fires: [prometheus('MtscopeNodeSilent', 'instance=collector-2')],
  },
  {
    name: 'a monitoring service (Alertmanager) dies',
    strike: async ({ watcher }) => {
      await watcher.kill()
      return watcher.start
    },
    fires: [prometheus('MtscopeWatcherSilent', 'instance=watcher')],
  },
]
