import type { Config } from '../config/config.ts'
import { hostAndPort } from '../net/host-name.ts'
import { metrics } from '../telemetry/catalogue/catalogue.ts'
import type { Live } from './finding.ts'

const timeoutMs = 1_500
const anywhere: Readonly<Record<string, string>> = { '::': '::1', '0.0.0.0': '127.0.0.1' }

/** The sum of a metric over its series. */
const total = (text: string, name: string): number =>
  text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)

const nodeOf = new RegExp(`^${metrics.buildInfo.name}\\{.*?\\bnode="([\\w.-]{1,64})"`, 'm')
const listensOf = new RegExp(
  `^${metrics.doctorFinding.name}\\{(?=.*check="listener\\.port")(?=.*verdict="ok").*\\} 1$`,
  'm',
)

/** Reads the text of a proxy's /metrics; null when it comes from another program. */
export const readLive = (text: string): Live | null => {
  if (!text.includes('mtscope_') && !text.includes('OTEL_SDK_DISABLED')) return null
  const node = nodeOf.exec(text)?.[1]
  const listens = listensOf.test(text)
  return {
    openFds: total(text, metrics.openFds.name),
    maxFds: total(text, metrics.maxFds.name),
    connections: total(text, metrics.connectionsOpen.name),
    listens,
    ...(node === undefined ? {} : { node }),
  }
}

/** Reads the /metrics of the proxy that runs with these settings; null when there is none. */
export const askLive = async ({ metricsHost, metricsPort }: Config): Promise<Live | null> => {
  if (metricsPort === 0) return null
  const host = anywhere[metricsHost] ?? metricsHost
  try {
    const answer = await fetch(`http://${hostAndPort(host, metricsPort)}/metrics`, {
      signal: AbortSignal.timeout(timeoutMs),
    })
    return readLive(await answer.text())
  } catch {
    return null
  }
}
