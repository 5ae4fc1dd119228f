import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import { isLoopback } from '../../config/parse.ts'
import { settings } from '../../config/settings.ts'
import { deadLinks } from '../../users/public-address.ts'
import { type About, type Check, type Finding, finding } from '../finding.ts'

/** The mistakes that `readConfig` reports. */
export const mistakeFindings = (mistakes: readonly string[]): readonly Finding[] =>
  mistakes.map((mistake, at) =>
    finding(`settings.mistake-${at + 1}`, 'fail', mistake, {
      advice: 'correct it in the environment or in .env: the proxy does not start',
    }),
  )

/** Whether other users of this host may read a file; null when it does not exist. */
const isReadable = (path: string): boolean | null => {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? null : (found.mode & 0o044) !== 0
}

const secrets = (config: Config): Finding => {
  const { users, dataDir } = config
  const file = users.length > 0 ? '.env' : join(dataDir, 'secrets.json')
  const numbers = { users: users.length || 1 }
  const readable = isReadable(file)
  if (readable === true) {
    return finding(
      'settings.secrets',
      'warn',
      `${file} holds secrets, and other users of this host may read it`,
      {
        advice: `run chmod 600 ${file}`,
        numbers,
      },
    )
  }
  if (users.length > 0) return finding('settings.secrets', 'ok', 'every secret is strong', { numbers })
  return readable === null
    ? finding('settings.secrets', 'note', 'there is no secret yet: the first start generates one', {
        numbers,
      })
    : finding('settings.secrets', 'ok', `the generated secret is in ${file}, which only its owner may read`, {
        numbers,
      })
}

const inContainer = (): boolean => existsSync('/.dockerenv') || existsSync('/run/.containerenv')

export const exposure = ({ metricsHost }: Pick<Config, 'metricsHost'>, contained: boolean): Finding => {
  const id = 'settings.metrics'
  if (isLoopback(metricsHost)) return finding(id, 'ok', 'the status page is on loopback only')
  const states = `the status page is served on ${metricsHost} without a password`
  return contained
    ? finding(id, 'note', `${states}, to every client that the container’s network admits`, {
        advice: 'publish METRICS_PORT on 127.0.0.1 only',
      })
    : finding(id, 'warn', states, {
        advice: 'set METRICS_HOST=127.0.0.1, or block METRICS_PORT in a firewall',
      })
}

const links = async (address: About['address']): Promise<Finding> => {
  const dead = deadLinks(await address())
  return dead === null
    ? finding('settings.links', 'ok', 'the links name an address that clients can reach')
    : finding('settings.links', 'warn', dead.states, { advice: dead.advice })
}

const disguise = ({ modes, domains }: Config): Finding => {
  const id = 'settings.disguise'
  if (domains.some(({ site }) => site === null)) {
    return finding(
      id,
      'warn',
      'unauthenticated clients get no answer, from which a probe concludes that this is a proxy',
      {
        advice: 'set MASK_HOST=auto',
      },
    )
  }
  if (modes.includes('classic')) {
    return finding(id, 'warn', 'MODES has classic, which a censor recognises and blocks easily', {
      advice: 'set MODES=secure,tls',
    })
  }
  return modes.includes('tls') && domains.some(({ name }) => name === settings.TLS_DOMAIN.fallback)
    ? finding(
        id,
        'note',
        `TLS_DOMAIN is still the default, ${settings.TLS_DOMAIN.fallback}, which is not hosted at this address`,
        {
          advice: 'set TLS_DOMAIN to a site of the same provider or country as this host',
        },
      )
    : finding(id, 'ok', 'unauthenticated clients see a site')
}

const replays = ({ replayEntries }: Config): Finding =>
  replayEntries === 0
    ? finding(
        'settings.replays',
        'warn',
        'the proxy accepts replayed handshakes, which censors send to recognise a proxy',
        {
          advice: `set REPLAY_CHECK_LEN=${settings.REPLAY_CHECK_LEN.fallback}`,
        },
      )
    : finding('settings.replays', 'ok', 'the proxy refuses replayed handshakes')

/** Passwords in plain text, and a Redis on another host without one. */
const stores = ({ kafka, redis }: Config): readonly Finding[] => {
  const findings: Finding[] = []
  if (kafka?.sasl?.mechanism === 'plain' && !kafka.tls) {
    findings.push(
      finding('settings.kafka', 'warn', 'KAFKA_PASSWORD goes to the brokers in plain text', {
        advice: 'set KAFKA_TLS=true',
      }),
    )
  }
  const far = redis?.urls.map((url) => new URL(url)).filter(({ hostname }) => !isLoopback(hostname)) ?? []
  if (far.some(({ password }) => password === '')) {
    findings.push(
      finding('settings.redis', 'note', 'REDIS_URL leads to another host and has no password', {
        advice:
          'set requirepass in redis.conf and REDIS_URL=redis://:password@host:6379, or use a private network',
      }),
    )
  }
  return findings
}

/** Settings that are valid and unwise. */
export const settingsCheck: Check = async ({ config, address }) => [
  secrets(config),
  disguise(config),
  replays(config),
  await links(address),
  exposure(config, inContainer()),
  ...stores(config),
]
