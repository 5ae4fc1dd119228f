import { availableParallelism, totalmem } from 'node:os'
import { congestionFor, type HostCongestion, hostCongestion } from '../../host/congestion.ts'
import { libc } from '../../net/epoll/libc.ts'
import { refusalOf } from '../../net/epoll/tcp.ts'
import { type Check, type Finding, finding } from '../finding.ts'

const wanted = 26

const node = (): Finding => {
  const major = Number(process.versions.node.split('.', 1)[0])
  const states = `Node ${process.versions.node}, OpenSSL ${process.versions.openssl}`
  return major >= wanted
    ? finding('runtime.node', 'ok', states, { numbers: { major } })
    : finding('runtime.node', 'fail', `${states}: mtscope needs Node ${wanted} or newer`, {
        advice: 'run npm ci: it installs the right Node for common platforms',
        numbers: { major },
      })
}

const engine = (portable: boolean): Finding => {
  if (libc !== null && !portable)
    return finding('runtime.engine', 'ok', 'the fast relay (epoll) can run here')
  const why = portable ? 'PORTABLE_RELAY=true' : `no FFI on ${process.platform}-${process.arch}`
  return finding('runtime.engine', 'note', `the portable relay runs, which takes more CPU: ${why}`, {
    advice: portable ? 'set PORTABLE_RELAY=false' : null,
  })
}

/** `refusal`: the errno of the kernel for an algorithm, null without one. */
export const congestionFinding = (
  setting: string,
  host: HostCongestion,
  refusal: (algorithm: string) => string | null,
): Finding => {
  const algorithm = congestionFor(setting, host)
  const usual = host.usual || 'the default of the kernel'
  const refused = algorithm === null ? null : refusal(algorithm)
  if (refused !== null)
    return finding(
      'runtime.congestion',
      'warn',
      `the kernel refuses TCP_CONGESTION=${setting} (${refused}): clients are sent to by ${usual}`,
      { advice: `set TCP_CONGESTION=auto, or load the module tcp_${setting} on the host` },
    )
  if (setting === 'auto' && algorithm === null)
    return finding(
      'runtime.congestion',
      'note',
      `clients are sent to by ${usual}: the kernel does not offer bbr to this process`,
      { advice: 'on the host run sudo compose/host/optimize_system.sh --apply, then restart the proxy' },
    )
  return finding('runtime.congestion', 'ok', `clients are sent to by ${algorithm ?? usual}`)
}

const congestion = (portable: boolean, setting: string): Finding => {
  if (libc !== null && !portable) {
    const c = libc
    return congestionFinding(setting, hostCongestion(), (algorithm) => refusalOf(c, algorithm))
  }
  const usual = hostCongestion().usual || 'the default of the kernel'
  return setting === 'auto' || setting === 'system'
    ? finding('runtime.congestion', 'ok', `clients are sent to by ${usual}`)
    : finding('runtime.congestion', 'note', `the portable relay ignores TCP_CONGESTION=${setting}`, {
        advice: 'set TCP_CONGESTION=auto',
      })
}

const workers = (count: number): Finding => {
  const cores = availableParallelism()
  const numbers = { workers: count, cores, memory: totalmem() }
  return count > 2 * cores
    ? finding('runtime.workers', 'note', `${count} relay threads share ${cores} cores`, {
        advice: `set WORKERS=${cores}, or auto`,
        numbers,
      })
    : finding('runtime.workers', 'ok', `${count} relay threads on ${cores} cores`, { numbers })
}

export const runtimeCheck: Check = ({ config }) => [
  node(),
  engine(config.portable),
  congestion(config.portable, config.congestion),
  workers(config.workers),
]
