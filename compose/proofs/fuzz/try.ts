import { readdirSync } from 'node:fs'
import { Finding, type Kind, type Opened } from './target.ts'

export type Tried =
  | { readonly outcome: string }
  | { readonly kind: Kind; readonly message: string; readonly bytes: number }

const limited = <T>(work: Promise<T>, wedgedMs: number): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Finding('wedged', `not over after ${wedgedMs} ms`)), wedgedMs)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}

/** Handles one input, which is `wedged` after so many ms. Never throws. */
export const tryInput = async ({ run }: Opened, input: Buffer, wedgedMs: number): Promise<Tried> => {
  try {
    const outcome = run(input)
    return { outcome: typeof outcome === 'string' ? outcome : await limited(outcome, wedgedMs) }
  } catch (error) {
    if (error instanceof Finding) return { kind: error.kind, message: error.message, bytes: error.bytes }
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { kind: 'crash', message, bytes: 0 }
  }
}

export type Resources = { readonly descriptors: number; readonly rss: number }

/** Descriptors and resident bytes of this process, after a collection of garbage where the process may ask for one. */
export const resources = (): Resources => {
  globalThis.gc?.()
  const descriptors = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0
  return { descriptors, rss: process.memoryUsage.rss() }
}
