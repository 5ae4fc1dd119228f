import { createHash, createHmac } from 'node:crypto'
import type { AlertEvent } from '../../../proxy/events/contract.ts'
import { severityOf } from '../rules/rules.ts'

export type WebhookConfig = { readonly url: string; readonly secret: string | null }

/** `again`: the receiver may accept it later. `refused`: it never will. */
export type Outcome = 'delivered' | 'again' | 'refused'

/** Identical for each delivery of the same event, so that a receiver can recognise a repeat. */
export const deliveryId = ({ rule, subject, type, at }: AlertEvent): string =>
  createHash('sha256').update(`${rule}\n${subject}\n${type}\n${at}`).digest('hex').slice(0, 32)

/** The JSON body. Later versions only add fields. */
export const webhookBody = (event: AlertEvent, from: string): string => {
  const { type, rule, subject, summary, value, baseline, at, since } = event
  const time = (ms: number): string => new Date(ms).toISOString()
  return JSON.stringify({
    id: deliveryId(event),
    type,
    from,
    rule,
    severity: severityOf(rule),
    subject,
    summary,
    value,
    baseline,
    at: time(at),
    since: time(since),
  })
}

/** The header `mtscope-signature`: HMAC-SHA256 of `<seconds>.<body>`, so that a receiver can refuse an old request. */
export const signature = (secret: string, seconds: number, body: string): string =>
  `sha256=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`

const patienceMs = 10_000
const worthAgain = (status: number): boolean =>
  status === 408 || status === 425 || status === 429 || status >= 500

/** Posts an alert once. Never throws. */
export const postAlert = async (
  { url, secret }: WebhookConfig,
  event: AlertEvent,
  from: string,
  now: number,
): Promise<Outcome> => {
  const body = webhookBody(event, from)
  const seconds = Math.floor(now / 1000)
  try {
    const { status, body: answer } = await fetch(url, {
      method: 'POST',
      body,
      redirect: 'manual', // an alert goes to the configured URL only
      signal: AbortSignal.timeout(patienceMs),
      headers: {
        'content-type': 'application/json',
        'user-agent': 'mtscope',
        'idempotency-key': deliveryId(event),
        'mtscope-timestamp': String(seconds),
        ...(secret === null ? {} : { 'mtscope-signature': signature(secret, seconds, body) }),
      },
    })
    await answer?.cancel()
    return status >= 200 && status < 300 ? 'delivered' : worthAgain(status) ? 'again' : 'refused'
  } catch {
    return 'again'
  }
}
