import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { opened } from './connection.ts'
import type { Contestant, Running } from './contestants.ts'
import { type Key, type Mode, prepare, tlsDomain } from './far-ends.ts'
import { parts } from './figures.ts'
import { treeOf } from './usage.ts'

// Any other proxy, started by a command of the shell.

export type Peer = { readonly command: string; readonly port: number; readonly secret: string }

const readyMs = 60_000
const lookMs = 100
const linesKept = 20

const running = new Set<number>()
process.on('exit', () => {
  for (const pid of running) killTree(pid)
})

/** Its children first listed, then killed: they need not be of one process group. */
const killTree = (root: number): void => {
  for (const pid of treeOf(root)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  }
}

/** The key and modes of a secret: 32 hex digits serve `dd` and `ee`, `dd…` and `ee…` with a domain one of them. */
export const readSecret = (secret: string): (Key & { readonly modes: readonly Mode[] }) | null => {
  const [, prefix = '', key = '', domain = ''] =
    /^(dd|ee|)([0-9a-f]{32})((?:[0-9a-f]{2})*)$/i.exec(secret) ?? []
  const tls: readonly Mode[] = ['ee', 'ee+pq']
  const modes = { '': ['dd', ...tls] as const, dd: ['dd'] as const, ee: tls }[prefix.toLowerCase()]
  if (key === '' || !modes || (prefix.toLowerCase() === 'ee') !== (domain !== '')) return null
  const name = domain === '' ? tlsDomain : Buffer.from(domain, 'hex').toString()
  return { secret: Buffer.from(key, 'hex'), domain: name, modes }
}

const accepts = async (port: number): Promise<boolean> => {
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** The process of a peer: the only child of its shell, where the shell waits for it. */
const rootOf = (shell: number): number => {
  const [, child, ...others] = treeOf(shell)
  const isShell = /^(?:ba|da)?sh$/.test(readFileSync(`/proc/${shell}/comm`, 'utf8').trim())
  return isShell && child !== undefined && others.every((pid) => treeOf(child).includes(pid)) ? child : shell
}

const start = async (peer: Peer, key: Key, mode: Mode, datacenterPort: number): Promise<Running> => {
  const { command, port, secret } = peer
  if (await accepts(port)) throw new Error(`--port ${port}: another program listens there; end it`)
  const env = { ...process.env, DATACENTER_PORT: `${datacenterPort}`, PORT: `${port}`, SECRET: secret }
  const child = spawn('/bin/sh', ['-c', command], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const shell = child.pid!
  running.add(shell)
  const printed: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      printed.push(...bytes.toString().split('\n'))
      printed.splice(0, printed.length - linesKept)
    })
  const closed = once(child, 'close')
  const kill = async (): Promise<void> => {
    killTree(shell)
    await closed
    running.delete(shell)
  }
  const until = performance.now() + readyMs
  for (let problem = 'no attempt'; ; await after(lookMs)) {
    try {
      const connection = await Promise.race([
        opened(port, prepare(mode, key)),
        after(5_000, null, { ref: false }).then(() => Promise.reject(new Error('no answer within 5 s'))),
      ])
      connection.close()
      return { pid: rootOf(shell), port, secret: key.secret, domain: key.domain, [Symbol.asyncDispose]: kill }
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error)
    }
    if (child.exitCode === null && performance.now() < until) continue
    await kill()
    const what =
      child.exitCode === null ? `relays no connection (${problem})` : `ended with ${child.exitCode}`
    throw new Error(`--against '${command}': ${what}; it printed:\n${printed.join('\n')}`)
  }
}

/** Null when the secret is invalid. */
export const peerContestant = (peer: Peer): Contestant | null => {
  const read = readSecret(peer.secret)
  if (!read) return null
  return {
    name: 'peer',
    what: `\`${peer.command}\``,
    modes: read.modes,
    parts,
    fresh: true,
    start: (datacenterPort) => start(peer, read, read.modes[0]!, datacenterPort),
  }
}
