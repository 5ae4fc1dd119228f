import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { type About, type Check, type Finding, finding, reasonOf } from '../finding.ts'

const timeoutMs = 2_000
const listening = '0A'

/** Listeners of a port and connections in their accept queues, from the kernel's table. Null where it cannot be read. */
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
  // sl local_address rem_address st tx_queue:rx_queue …; a listener's rx_queue is its accept queue.
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

/** Why a connection fails; null when it succeeds. */
const connectError = (host: string, port: number, signal: AbortSignal): Promise<string | null> => {
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

const portFinding = (about: About): Finding => {
  const { config, live } = about
  const { port } = config
  const found = listeners(port)
  if (port === 0)
    return finding(
      'listener.port',
      'note',
      'MTPROTO_PORT=0: the port changes at each start, and links with it',
    )
  if (found === null) {
    return finding(
      'listener.port',
      'unknown',
      'cannot read which program listens: this system has no /proc/net/tcp',
    )
  }
  const numbers = { listeners: found.count, waiting: found.waiting }
  if (found.count > 0 && live !== null) {
    return finding('listener.port', 'ok', `this proxy listens on port ${port} with ${found.count} sockets`, {
      numbers,
    })
  }
  if (found.count > 0) {
    return finding(
      'listener.port',
      'warn',
      `a program listens on port ${port}, but no proxy with these settings answers on METRICS_PORT`,
      {
        advice: `find the program with ss -ltnp sport = :${port}; if it is not this proxy, stop it, or set another MTPROTO_PORT`,
        numbers,
      },
    )
  }
  if (live !== null && (live.listens === true || (live.node ?? config.node) !== config.node)) {
    const whose = live.node === undefined ? '' : ` (node ${live.node})`
    return finding(
      'listener.port',
      'warn',
      `no program listens on port ${port}; the proxy that answers on METRICS_PORT ${config.metricsPort}${whose} is another one, or has another MTPROTO_PORT`,
      {
        advice:
          'if it is this proxy, correct its MTPROTO_PORT; otherwise stop it, or set another METRICS_PORT',
        numbers,
      },
    )
  }
  if (live !== null) {
    return finding(
      'listener.port',
      'fail',
      `the proxy runs, but no program listens on port ${port} of this host: clients cannot connect`,
      {
        advice: 'check whether the proxy runs with another MTPROTO_PORT, or in another container',
        numbers,
      },
    )
  }
  if (port < firstUnprivileged() && process.getuid?.() !== 0) {
    return finding('listener.port', 'warn', `port ${port} is free, but only root may listen on it`, {
      advice: `set sysctl net.ipv4.ip_unprivileged_port_start=${port}, grant CAP_NET_BIND_SERVICE, or set MTPROTO_PORT above 1023 and forward the port`,
      numbers,
    })
  }
  return finding('listener.port', 'note', `port ${port} is free: no proxy runs here`, { numbers })
}

/** For the running proxy itself; opens no connection. */
export const passiveListenerCheck: Check = (about) => [portFinding(about)]

export const listenerCheck: Check = async (about) => {
  const { config, live, signal } = about
  const first = portFinding(about)
  const findings = [first]
  if (live !== null && first.verdict === 'ok') {
    const error = await connectError(anywhere[config.host] ?? config.host, config.port, signal)
    findings.push(
      error === null
        ? finding('listener.connect', 'ok', 'the proxy accepts a connection from this host')
        : finding('listener.connect', 'fail', `a connection from this host to the proxy fails: ${error}`, {
            advice: 'check the firewall of this host, and the lines about limits in the proxy’s log',
          }),
    )
  }
  const port = config.publicPort ?? config.port
  const address = await about.address()
  const host = address.from === 'local' ? 'your-server' : address.host
  findings.push(
    finding('listener.public', 'unknown', 'cannot check from inside whether clients reach the port', {
      advice: `on another machine run nc -vz ${host} ${port}; if it fails, open the port in the provider’s firewall`,
    }),
  )
  return findings
}
