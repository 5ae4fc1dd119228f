import type { IncomingMessage } from 'node:http'

/** Why a download failed, for an operator: a clause that follows the name of the host. */
export class DownloadError extends Error {
  readonly code: 'timeout' | 'unreachable' | 'status' | 'too-long'

  constructor(code: DownloadError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DownloadError'
    this.code = code
  }
}

const causeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error)

/**
 * The body of an http or https URL, at most `mostBytes` long, before `signal` aborts. Follows no redirect, since the URL of a
 * setting is to be the one that answers. Throws a DownloadError.
 */
export const download = async (
  url: string,
  {
    mostBytes,
    signal,
    family,
  }: { readonly mostBytes: number; readonly signal: AbortSignal; readonly family?: 4 | 6 },
): Promise<Buffer> => {
  try {
    // Loaded on demand, since both take memory.
    const web: Pick<typeof import('node:http'), 'get'> = await import(
      url.startsWith('https:') ? 'node:https' : 'node:http'
    )
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { agent: false, signal, ...(family === undefined ? {} : { family }) }
      web.get(url, options, resolve).on('error', reject)
    })
    if (response.statusCode !== 200) {
      response.destroy()
      throw new DownloadError('status', `returns ${response.statusCode}`)
    }
    const pieces: Buffer[] = []
    let length = 0
    for await (const piece of response as AsyncIterable<Buffer>) {
      pieces.push(piece)
      length += piece.length
      if (length > mostBytes) throw new DownloadError('too-long', `returns more than ${mostBytes} bytes`)
    }
    return Buffer.concat(pieces, length)
  } catch (cause) {
    if (cause instanceof DownloadError) throw cause
    if (signal.aborted) throw new DownloadError('timeout', 'does not answer', { cause })
    throw new DownloadError('unreachable', `fails: ${causeOf(cause)}`, { cause })
  }
}
