import { ensureAlertmanager } from '../services/alertmanager.ts'
import { ensureChromium } from '../services/chromium.ts'
import { ensureDebianRoots } from '../services/debian-root.ts'
import { ensureDocker } from '../services/docker.ts'
import { ensureCompose } from '../services/docker-compose.ts'
import { archiveKafka, ensureKafka } from '../services/kafka.ts'
import { ensurePrometheus } from '../services/prometheus.ts'
import { ensureRedis } from '../services/redis.ts'
import { ensureJaeger, ensureOtelcol } from '../services/telemetry-programs.ts'

const ensures: Readonly<Record<string, () => unknown>> = {
  ensureAlertmanager,
  ensureChromium,
  ensureCompose,
  ensureDebianRoots,
  ensureDocker,
  ensureJaeger,
  ensureKafka,
  ensureOtelcol,
  ensurePrometheus,
  ensureRedis,
}

/**
 * Installs what the texts of these tests ask for, before the first of them runs: one after the other, and not within the
 * time that a test has.
 */
export const prepare = async (texts: readonly string[]): Promise<void> => {
  for (const [name, ensure] of Object.entries(ensures)) {
    if (
      texts.some((text) => text.includes(name) || (name === 'ensureChromium' && text.includes('chromium.ts')))
    ) {
      await ensure()
      if (ensure === ensureKafka) await archiveKafka()
    }
  }
}
