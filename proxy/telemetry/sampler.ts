/**
 * Decides about a trace without a failure, and about one whose handshake was refused. Traces of clients that failed, dropped
 * or were slow are exported in any case.
 */
export type Sampler = (traceId: string) => boolean

const random52 = 2 ** 52

/**
 * Keeps a share of traces by their id, so that every process decides alike about the same trace. The random part of a trace
 * id is its last 56 bits; 52 of them are an exact number. https://www.w3.org/TR/trace-context-2/#random-trace-id-flag
 */
export const byRatio =
  (ratio: number): Sampler =>
  (traceId) =>
    Number.parseInt(traceId.slice(-13), 16) >= random52 * (1 - ratio)

const ratioOf = (text: string | undefined): number => {
  const ratio = Number(text?.trim() || 1)
  return ratio >= 0 && ratio <= 1 ? ratio : 1
}

/**
 * Reads `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`. A connection has no parent span, so a parent-based sampler does
 * what it does for roots. An unknown name means `always_on`, as the specification requires.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export const samplerOf = (env: NodeJS.ProcessEnv): Sampler => {
  switch (env.OTEL_TRACES_SAMPLER?.trim()) {
    case 'always_off':
    case 'parentbased_always_off':
      return () => false
    case 'traceidratio':
    case 'parentbased_traceidratio':
      return byRatio(ratioOf(env.OTEL_TRACES_SAMPLER_ARG))
    default:
      return () => true
  }
}
