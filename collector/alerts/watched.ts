import type { AlertEvent, ProxyEvent } from '../../proxy/events/contract.ts'
import { emitter, noon, sampled } from '../example-facts.ts'
import { createMemoryState } from '../state/memory.ts'
import { createBaseline } from './baseline.ts'
import { decide } from './decide.ts'
import { openAlertBook } from './deliver.ts'
import { examine } from './examine.ts'
import { alertId, type Finding } from './finding.ts'
import { holdMs } from './rules.ts'

/**
 * For tests: a node whose time is ours, under the eyes of the rules. It samples itself every ten seconds, and `each`
 * adds what else happens in them.
 */
export const watched = (factor = 1) => {
  const state = createMemoryState()
  const emit = emitter(state)
  const baseline = createBaseline(state, factor)
  const events: AlertEvent[] = []
  const book = openAlertBook(
    null,
    () => {},
    () => {},
  )
  let now = noon
  let lagMs = 0
  let findings: Finding[] = []

  const look = (): void => {
    findings = examine({
      state,
      now,
      lagMs,
      watchingSince: noon,
      factor,
      baseline,
      raised: (rule, subject) => book.active.get(alertId(rule, subject)),
    })
    for (const event of decide(findings, book.active, now, holdMs * factor)) {
      events.push(event)
      book.deliver(event)
    }
  }

  return {
    state,
    emit,
    book,
    /** Everything raised and cleared so far, of one rule: `+subject` and `-subject`. */
    told: (rule: string): string[] =>
      events
        .filter((event) => event.rule === rule)
        .map((event) => `${event.type === 'alert.raised' ? '+' : '-'}${event.subject}`),
    last: (rule: string): AlertEvent | undefined => events.findLast((event) => event.rule === rule),
    list: () => book.list(findings),
    get now() {
      return now
    },
    lag(ms: number): void {
      lagMs = ms
    },
    /** Lets minutes pass, looking every ten seconds; `false` for a node that has fallen silent. */
    pass(minutes: number, each: ((at: number) => ProxyEvent[]) | false = () => []): void {
      for (const end = now + minutes * 60_000; now < end; ) {
        now += 10_000
        if (each !== false) emit(sampled(now), ...each(now))
        look()
      }
    },
  }
}
