/** Since when there is no answer, and why, as a text for the page. */
export type Silence = { since: number; why: string }

export type Poll<T> = {
  ask: (signal: AbortSignal) => Promise<T>
  answered: (answer: T) => void
  silent: (silence: Silence) => void
}

const everyMs = 2000
const longestMs = 15_000
const patienceMs = 8000

/**
 * Polls every two seconds while the page is visible, and less often after each failure. A return to the page, or of the
 * network, polls immediately.
 */
export const poll = <T>({ ask, answered, silent }: Poll<T>): void => {
  let lastAnswerAt = Date.now()
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let asking = false

  const once = async (): Promise<void> => {
    clearTimeout(timer)
    if (asking || document.hidden) return
    asking = true
    try {
      const answer = await ask(AbortSignal.timeout(patienceMs))
      failures = 0
      lastAnswerAt = Date.now()
      answered(answer)
    } catch (error) {
      // A fault of this page must not look like silence of the appliance.
      if (failures === 0 && !(error instanceof NoAnswer)) console.error(error)
      failures++
      silent({ since: lastAnswerAt, why: error instanceof NoAnswer ? error.message : 'unreadable answer' })
    } finally {
      asking = false
      timer = setTimeout(once, Math.min(longestMs, everyMs * 2 ** Math.max(0, failures - 1)))
    }
  }
  document.addEventListener('visibilitychange', once)
  addEventListener('online', once)
  once()
}

export class NoAnswer extends Error {}

/** The JSON at `path`. Throws NoAnswer when there is none. */
export const askJson = async <T>(path: string, signal: AbortSignal): Promise<T> => {
  const response = await fetch(path, { signal, cache: 'no-store' }).catch((error: unknown) => {
    throw new NoAnswer(
      error instanceof DOMException && error.name === 'TimeoutError' ? 'no answer in time' : '',
    )
  })
  if (!response.ok) throw new NoAnswer(`HTTP ${response.status}`)
  return response.json()
}
