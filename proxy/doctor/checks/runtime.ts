import { availableParallelism, totalmem } from 'node:os'
import { libc } from '../../net/epoll/libc.ts'
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

export const runtimeCheck: Check = ({ config }) => [node(), engine(config.portable), workers(config.workers)]
