import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Emulated, type End, type Ends, interfaces, type Path } from './emulation.ts'
import { kill, processesOf } from './processes.ts'
import { type Engine, shape } from './shape.ts'

export const addresses = {
  proxy: '10.77.1.2',
  /** Telegram's own, so that any proxy works as it is: DC 1 to 5, media and CDN. */
  datacenters: [
    '149.154.175.50',
    '149.154.167.51',
    '149.154.175.100',
    '149.154.167.91',
    '149.154.171.5',
    '95.161.76.100',
    '149.154.167.151',
    '149.154.167.222',
    '149.154.164.250',
    '91.105.192.100',
  ],
} as const

/** Values by name, as `net.ipv4.tcp_mtu_probing`. */
export type Sysctls = Readonly<Record<string, string>>

export type Network = AsyncDisposable & {
  readonly ends: Ends
  /** The start of a command that runs within the namespace of an end, and ends with this process. */
  readonly within: (end: End) => readonly string[]
  /** Sets the congestion control of new connections of the proxy; false if this kernel does not offer it. */
  readonly congestion: (name: string) => boolean
  readonly set: (sysctls: Sysctls) => void
  /** Ends every process within the namespace of the proxy, except the one that keeps the namespace. */
  readonly clearProxy: () => void
  /** Rejects when the emulator ends too early. */
  readonly broken: Promise<never>
  /** Ends the links; what the emulator counted, or null where the kernel emulates. */
  readonly finish: () => Promise<Emulated | null>
}

const run = (words: readonly string[], input = ''): void => {
  const { status, stderr, error } = spawnSync(words[0]!, words.slice(1), { input, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${words.join(' ')}: ${error?.message ?? stderr.trim()}`)
}

/** Begins a command that ends with this process. */
const bound = ['setpriv', '--pdeathsig', 'KILL'] as const
const inside = (pid: number): readonly string[] => [...bound, 'nsenter', '-t', `${pid}`, '-n']

/** A namespace exists while the process that holds it runs: until its input closes, so no longer than this process. */
const hold = async () => {
  const holder = spawn('unshare', ['-n', 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [first] = await Promise.race([once(holder.stdout, 'data'), once(holder, 'close')])
  if (!(first instanceof Buffer)) throw new Error('cannot make a network namespace: run this as root')
  return {
    pid: holder.pid!,
    [Symbol.asyncDispose]: async () => {
      kill(processesOf(holder.pid!))
      holder.stdin.end()
      if (holder.exitCode === null) await once(holder, 'close')
    },
  }
}

/**
 * No side profits from what the kernel remembers of an earlier one. Client and datacenters use cubic, whatever the default of the
 * host.
 */
const configure = (ends: Ends): void => {
  const script = (device: string, address: string): string => `
ip link set lo up
ip addr add ${address}/24 dev ${device}
ip link set ${device} up txqueuelen 10000 mtu 1500
echo 1 > /proc/sys/net/ipv4/tcp_no_metrics_save
[ ! -d /proc/sys/net/ipv6 ] || echo 1 > /proc/sys/net/ipv6/conf/${device}/disable_ipv6
`
  const enter = (pid: number, text: string): void => run([...inside(pid), 'sh', '-e'], text)
  enter(
    ends.client,
    `${script(interfaces.client, '10.77.1.1')}
ip route add default dev ${interfaces.client} congctl cubic`,
  )
  enter(ends.proxy, script(interfaces.client, addresses.proxy) + script(interfaces.datacenter, '10.77.2.1'))
  enter(
    ends.datacenter,
    `${script(interfaces.datacenter, '10.77.2.2')}
${addresses.datacenters.map((address) => `ip addr add ${address}/32 dev lo`).join('\n')}
ip route add default dev ${interfaces.datacenter} congctl cubic
ip route replace 10.77.2.0/24 dev ${interfaces.datacenter} src 10.77.2.2 congctl cubic`,
  )
}

const emulate = async (ends: Ends, path: Path) => {
  const [command, ...words] = [...bound, process.execPath, join(import.meta.dirname, 'emulator.ts')]
  const child = spawn(command, [...words, JSON.stringify({ ...path, ends })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  if ((await lines.next()).value !== 'ready') throw new Error('the emulator of the links did not start')
  let finishing = false
  const broken = new Promise<never>((_, reject) => {
    child.once('close', () => {
      if (!finishing) reject(new Error('the emulator of the links ended early'))
    })
  })
  broken.catch(() => {})
  return {
    broken,
    finish: async (): Promise<Emulated> => {
      finishing = true
      child.stdin.end()
      const { value } = await lines.next()
      if (typeof value !== 'string') throw new Error('the emulator of the links ended early')
      return JSON.parse(value) as Emulated
    },
  }
}

/** Makes client, proxy and datacenters with a link between each two. Needs root and iproute2. */
export const startNetwork = async (path: Path, engine: Engine): Promise<Network> => {
  await using stack = new AsyncDisposableStack()
  const client = stack.use(await hold())
  const proxy = stack.use(await hold())
  const datacenter = stack.use(await hold())
  const ends: Ends = { client: client.pid, proxy: proxy.pid, datacenter: datacenter.pid }
  shape(engine, ends, path, (end, words) => run([...inside(ends[end]), ...words]))
  configure(ends)
  const emulator = engine === 'netem' ? null : await emulate(ends, path)
  const enter = (text: string): void => run([...inside(ends.proxy), 'sh', '-e'], text)
  const kept = stack.move()
  return {
    ends,
    within: (end) => inside(ends[end]),
    congestion: (name) => {
      try {
        enter(`ip route replace 10.77.1.0/24 dev ${interfaces.client} src ${addresses.proxy} congctl ${name}
ip route replace default dev ${interfaces.datacenter} congctl ${name}`)
        return true
      } catch {
        return false
      }
    },
    set: (sysctls) =>
      enter(
        Object.entries(sysctls)
          .map(([name, value]) => `echo ${value} > /proc/sys/${name.replaceAll('.', '/')}`)
          .join('\n'),
      ),
    clearProxy: () => kill(processesOf(ends.proxy)),
    broken: emulator?.broken ?? new Promise<never>(() => {}),
    finish: async () => (emulator === null ? null : emulator.finish()),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
