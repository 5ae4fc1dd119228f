import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureGoProgram } from './go-program.ts'

/** An OpenTelemetry Collector of the release that compose names, with just the parts that otelcol.yaml asks for. */
export const ensureOtelcol = (): string | null =>
  ensureGoProgram({
    name: 'otelcol',
    version: '0.165.0',
    sources: (folder, go) => {
      cpSync(join(import.meta.dirname, '../images/otelcol'), folder, { recursive: true })
      return go('mod', 'tidy').ok
    },
    package: '.',
  })

const jaeger = { module: 'github.com/jaegertracing/jaeger', version: '1.76.0' }

/** Jaeger, which keeps traces where Tempo cannot be had. */
export const ensureJaeger = (): string | null =>
  ensureGoProgram({
    name: 'jaeger',
    version: jaeger.version,
    sources: (folder, go) => {
      writeFileSync(join(folder, 'go.mod'), 'module mtscope/jaeger\n\ngo 1.26.0\n')
      return go('get', '-tool', `${jaeger.module}/cmd/jaeger@v${jaeger.version}`).ok
    },
    package: `${jaeger.module}/cmd/jaeger`,
  })
