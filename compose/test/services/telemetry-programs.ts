import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureGoProgram, goProgramPath } from './go-program.ts'

const otelcol = { name: 'otelcol', version: '0.165.0' }
export const otelcolPath = goProgramPath(otelcol)

/** An OpenTelemetry Collector of the release in compose, with only the components of otelcol.yaml. */
export const ensureOtelcol = (): string | null =>
  ensureGoProgram({
    ...otelcol,
    sources: (folder, go) => {
      cpSync(join(import.meta.dirname, '../images/otelcol'), folder, { recursive: true })
      return go('mod', 'tidy').ok
    },
    package: '.',
  })

const module = 'github.com/jaegertracing/jaeger'
const jaeger = { name: 'jaeger', version: '1.76.0' }
export const jaegerPath = goProgramPath(jaeger)

/** Jaeger, the trace store where Tempo cannot be built. */
export const ensureJaeger = (): string | null =>
  ensureGoProgram({
    ...jaeger,
    sources: (folder, go) => {
      writeFileSync(join(folder, 'go.mod'), 'module mtscope/jaeger\n\ngo 1.26.0\n')
      return go('get', '-tool', `${module}/cmd/jaeger@v${jaeger.version}`).ok
    },
    package: `${module}/cmd/jaeger`,
  })
