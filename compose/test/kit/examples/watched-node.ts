import { openAlertBook } from '../../../../collector/alerts/engine/book.ts'
import { decide } from '../../../../collector/alerts/engine/decide.ts'
import { examine } from '../../../../collector/alerts/engine/examine.ts'
import { createWatching } from '../../../../collector/alerts/engine/watching.ts'
import { createBaseline } from '../../../../collector/alerts/rules/baseline.ts'
import { alertId, type Finding } from '../../../../collector/alerts/rules/finding.ts'
import { holdMs } from '../../../../collector/alerts/rules/rules.ts'
import { foldRow } from '../../../../collector/fold/fold.ts'
import { createMemoryState, type State } from '../../../../collector/fold/state.ts'
import type { AlertEvent, ProxyEvent } from '../../../../proxy/events/contract.ts'
import { noon, sampled } from './example-events.ts'

/** Folds events as rows of one emitter. */
const emitterOf = (state: State) => {
  let seq = 1
  return (...events: ProxyEvent[]): void => {
    if (events.length === 0) return
    foldRow(state, { node: 'n1', boot: 'b1', seq, events })
    seq += events.length
  }
}

/**
 * For tests: a node on a clock of the test, watched by the alert rules. It emits a sample every ten seconds, and `each` adds
 * further events.
 */
export const watched = (factor = 1) => {
  let now = noon
  let passed = 0
  const state = createMemoryState(undefined, () => passed)
  const watching = createWatching(
    () => now,
    () => passed,
  )
  watching.begin()
  const emit = emitterOf(state)
  const baseline = createBaseline(state, factor)
  const events: AlertEvent[] = []
  const book = openAlertBook(
    null,
    () => {},
    () => {},
  )
  let lagMs = 0
  let findings: Finding[] = []

  const look = (): void => {
    findings = examine({
      ...watching.look(),
      state,
      lagMs,
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
    /** The alerts of one rule so far: `+subject` for raised, `-subject` for cleared. */
    reported: (rule: string): string[] =>
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
    /** Steps the clock of the host. */
    step(ms: number): void {
      now += ms
    },
    /** Lets time pass without a look, as for a stopped process or a sleeping machine. */
    freeze(ms: number): void {
      now += ms
      passed += ms
    },
    /** Lets minutes pass and looks every ten seconds; `false` for a node that emits nothing. */
    pass(minutes: number, each: ((at: number) => ProxyEvent[]) | false = () => []): void {
      for (const end = now + minutes * 60_000; now < end; ) {
        now += 10_000
        passed += 10_000
        if (each !== false) emit(sampled(now), ...each(now))
        look()
      }
    },
  }
}
