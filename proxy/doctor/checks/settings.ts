import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import { isLoopback } from '../../config/parse.ts'
import { settings } from '../../config/settings.ts'
import { deadLinks } from '../../users/public-address.ts'
import { type About, type Check, type Finding, finding } from '../finding.ts'

/** What readConfig refuses; without right settings there is little else to look at. */
export const mistaken = (mistakes: readonly string[]): readonly Finding[] =>
  mistakes.map((mistake, at) =>
    finding(`settings.mistake-${at + 1}`, 'fail', mistake, {
      advice: 'mend it in the environment or in .env: the proxy does not start',
    }),
  )

/** Whether others of this machine may read a file; null when there is none. */
const open = (path: string): boolean | null => {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? null : (found.mode & 0o044) !== 0
}

const secrets = (config: Config): Finding => {
  const { users, dataDir } = config
  const file = users.length > 0 ? '.env' : join(dataDir, 'secrets.json')
  const numbers = { users: users.length || 1 }
  const readable = open(file)
  if (readable === true) {
    return finding('settings.secrets', 'warn', `${file} holds secrets, and others may read it`, {
      advice: `chmod 600 ${file}`,
      numbers,
    })
  }
  if (users.length > 0) return finding('settings.secrets', 'ok', 'every secret is strong', { numbers })
  return readable === null
    ? finding('settings.secrets', 'note', 'no secret yet: one is made at the first start', { numbers })
    : finding('settings.secrets', 'ok', `the made secret is in ${file}, for its owner alone`, { numbers })
}

const inContainer = (): boolean => existsSync('/.dockerenv') || existsSync('/run/.containerenv')

export const exposure = ({ metricsHost }: Pick<Config, 'metricsHost'>, contained: boolean): Finding => {
  const id = 'settings.metrics'
  if (isLoopback(metricsHost)) return finding(id, 'ok', 'the status page is on loopback only')
  const states = `the status page is served on ${metricsHost} without a password`
  return contained
    ? finding(id, 'note', `${states}, to whom the container’s network lets in`)
    : finding(id, 'warn', states, { advice: 'METRICS_HOST=127.0.0.1, or a firewall before METRICS_PORT' })
}

const links = async (address: About['address']): Promise<Finding> => {
  const dead = deadLinks(await address())
  return dead === null
    ? finding('settings.links', 'ok', 'the links name an address that clients can reach')
    : finding('settings.links', 'warn', dead.states, { advice: dead.advice })
}

const disguise = ({ modes, maskHost, tlsDomain }: Config): Finding => {
  const id = 'settings.disguise'
  if (maskHost === null) {
    return finding(id, 'warn', 'strangers are not answered, which a prober takes for a proxy', {
      advice: 'MASK_HOST=auto',
    })
  }
  if (modes.includes('classic')) {
    return finding(id, 'warn', 'MODES has classic, which is easy to see and to block', {
      advice: 'MODES=secure,tls',
    })
  }
  return modes.includes('tls') && tlsDomain === settings.TLS_DOMAIN.fallback
    ? finding(id, 'note', `TLS_DOMAIN is everybody's, ${tlsDomain}, which does not live at this address`, {
        advice: 'TLS_DOMAIN=a site of the same provider or country as this host',
      })
    : finding(id, 'ok', 'strangers see a site')
}

const replays = ({ replayEntries }: Config): Finding =>
  replayEntries === 0
    ? finding('settings.replays', 'warn', 'replayed handshakes are let in', {
        advice: `REPLAY_CHECK_LEN=${settings.REPLAY_CHECK_LEN.fallback}`,
      })
    : finding('settings.replays', 'ok', 'replayed handshakes are refused')

/** Passwords in the clear, to Kafka or Redis beyond this machine. */
const stores = ({ kafka, redis }: Config): readonly Finding[] => {
  const reported: Finding[] = []
  if (kafka?.sasl?.mechanism === 'plain' && !kafka.tls) {
    reported.push(
      finding('settings.kafka', 'warn', 'KAFKA_PASSWORD goes to the brokers in the clear', {
        advice: 'KAFKA_TLS=true',
      }),
    )
  }
  const far = redis?.urls.map((url) => new URL(url)).filter(({ hostname }) => !isLoopback(hostname)) ?? []
  if (far.some(({ password }) => password === '')) {
    reported.push(
      finding('settings.redis', 'note', 'Redis is spoken to without a password', {
        advice: 'requirepass in redis.conf, REDIS_URL=redis://:password@host:6379; or a network of its own',
      }),
    )
  }
  return reported
}

/** What is right for the parser and still unwise. */
export const settingsCheck: Check = async ({ config, address }) => [
  secrets(config),
  disguise(config),
  replays(config),
  await links(address),
  exposure(config, inContainer()),
  ...stores(config),
]
