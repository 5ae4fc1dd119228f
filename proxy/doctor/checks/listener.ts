import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { type About, type Check, type Finding, finding, reasonOf } from '../finding.ts'

const timeoutMs = 2_000
const listening = '0A'

/** Who waits at the listeners of a port, from the kernel's own table: nobody is disturbed. Null where it cannot be read. */
const listeners = (port: number): { count: number; waiting: number } | null => {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => {
    try {
      return [readFileSync(path, 'latin1')]
    } catch {
      return []
    }
  })
  if (tables.length === 0) return null
  // sl local_address rem_address st tx_queue:rx_queue …; of a listener rx_queue is who waits to be accepted.
  const found = tables
    .flatMap((text) => text.split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === listening && local?.endsWith(`:${wanted}`))
  const waiting = found.reduce(
    (sum, [, , , , queues]) => sum + Number.parseInt(queues?.split(':')[1] ?? '0', 16),
    0,
  )
  return { count: found.length, waiting }
}

/** Null when it could be connected to. */
const refusal = (host: string, port: number, signal: AbortSignal): Promise<string | null> => {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  const socket = connect({ host, port, timeout: timeoutMs })
  const stop = (): void => resolve('timeout')
  signal.addEventListener('abort', stop, { once: true })
  socket.on('timeout', stop)
  socket.on('error', (error) => resolve(reasonOf(error)))
  socket.on('connect', () => resolve(null))
  return promise.finally(() => {
    signal.removeEventListener('abort', stop)
    socket.destroy()
  })
}

const firstUnprivileged = (): number => {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1'))
  } catch {
    return 1_024
  }
}

const anywhere: Readonly<Record<string, string>> = { '::': '127.0.0.1', '0.0.0.0': '127.0.0.1' }

const bound = (about: About): Finding => {
  const { config, live } = about
  const { port } = config
  const found = listeners(port)
  if (port === 0) return finding('listener.port', 'note', 'MTPROTO_PORT=0 takes another port at each start')
  if (found === null) {
    return finding('listener.port', 'unknown', 'this system does not tell who listens (no /proc/net/tcp)')
  }
  const numbers = { listeners: found.count, waiting: found.waiting }
  if (found.count > 0 && live !== null) {
    return finding('listener.port', 'ok', `this proxy listens on ${port}, ${found.count} sockets`, {
      numbers,
    })
  }
  if (found.count > 0) {
    return finding(
      'listener.port',
      'warn',
      `port ${port} is taken, and no proxy with these settings tells of itself`,
      {
        advice: `ss -ltnp sport = :${port} tells whose it is; stop it, or choose another MTPROTO_PORT`,
        numbers,
      },
    )
  }
  if (live !== null && (live.listens === true || (live.node ?? config.node) !== config.node)) {
    const whose = live.node === undefined ? '' : ` (node ${live.node})`
    return finding(
      'listener.port',
      'warn',
      `the proxy that answers on METRICS_PORT ${config.metricsPort}${whose} is another one, or has another port: nobody listens on ${port} here`,
      {
        advice:
          'if it is this proxy, look at the MTPROTO_PORT it has; else stop it, or choose another METRICS_PORT',
        numbers,
      },
    )
  }
  if (live !== null) {
    return finding('listener.port', 'fail', `the proxy runs, but nobody listens on ${port} here`, {
      advice: 'look whether it runs with another MTPROTO_PORT, or in another container',
      numbers,
    })
  }
  if (port < firstUnprivileged() && process.getuid?.() !== 0) {
    return finding('listener.port', 'warn', `port ${port} is free, but only root may take it`, {
      advice: `sysctl net.ipv4.ip_unprivileged_port_start=${port}, CAP_NET_BIND_SERVICE, or MTPROTO_PORT above 1023 behind a forward`,
      numbers,
    })
  }
  return finding('listener.port', 'note', `port ${port} is free: no proxy runs here`, { numbers })
}

/** For a running proxy about itself: nobody connects. */
export const passiveListenerCheck: Check = (about) => [bound(about)]

export const listenerCheck: Check = async (about) => {
  const { config, live, signal } = about
  const first = bound(about)
  const reported = [first]
  if (live !== null && first.verdict === 'ok') {
    const error = await refusal(anywhere[config.host] ?? config.host, config.port, signal)
    reported.push(
      error === null
        ? finding('listener.connect', 'ok', 'it accepts a connection from this machine')
        : finding('listener.connect', 'fail', `a connection from this machine fails: ${error}`, {
            advice: 'look at the firewall of this machine, and at the limits in the proxy’s log',
          }),
    )
  }
  const port = config.publicPort ?? config.port
  const address = await about.address()
  const host = address.from === 'local' ? 'your-server' : address.host
  reported.push(
    finding('listener.public', 'unknown', 'whether clients reach the port cannot be told from inside', {
      advice: `from another machine: nc -vz ${host} ${port}; if it fails, look at the provider’s firewall`,
    }),
  )
  return reported
}
