import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyOf, ensureGoProgram, goProgramPath } from './go-program.ts'

const stack = readFileSync(join(import.meta.dirname, '../../docker/compose.stack.yaml'), 'utf8')

/** The release of an image that compose.stack.yaml names. */
const releaseOf = (image: string): string => {
  const release = new RegExp(`${image}:v(\\d+\\.\\d+\\.\\d+)`).exec(stack)?.[1]
  if (release === undefined) throw new Error(`compose.stack.yaml names no release of ${image}`)
  return release
}

export const prometheusRelease = releaseOf('prom/prometheus')
export const alertmanagerRelease = releaseOf('prom/alertmanager')

export const prometheusPath = goProgramPath({ name: 'prometheus', version: prometheusRelease })
export const alertmanagerPath = goProgramPath({ name: 'alertmanager', version: alertmanagerRelease })

const named = (release: string): string => `-X github.com/prometheus/common/version.Version=${release}`

/** Version of the Go module: 0.316.0 for release 3.16.0. */
const goVersion = (release: string): string => {
  const [major = '', minor = '', patch = ''] = release.split('.')
  return `0.${major}${minor.padStart(2, '0')}.${patch}`
}

/** Prometheus and promtool of the release in compose, without service discovery for clouds and without its web page. */
export const buildPrometheus = (): string | null =>
  ensureGoProgram({
    name: 'prometheus',
    version: prometheusRelease,
    sources: copyOf('github.com/prometheus/prometheus', goVersion(prometheusRelease)),
    package: './cmd/prometheus',
    others: { promtool: './cmd/promtool' },
    tags: 'remove_all_sd',
    ldflags: named(prometheusRelease),
  })

/** Alertmanager and amtool of the release in compose. */
export const buildAlertmanager = (): string | null =>
  ensureGoProgram({
    name: 'alertmanager',
    version: alertmanagerRelease,
    sources: (folder, go) => {
      if (!copyOf('github.com/prometheus/alertmanager', alertmanagerRelease)(folder, go)) return false
      // The module lacks the web page, and does not compile without it.
      const page = join(folder, 'ui/app/dist')
      mkdirSync(page, { recursive: true })
      writeFileSync(join(page, 'index.html'), '')
      return true
    },
    package: './cmd/alertmanager',
    others: { amtool: './cmd/amtool' },
    ldflags: named(alertmanagerRelease),
  })
