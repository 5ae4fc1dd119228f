import type { AlertEvent } from '../../../proxy/events/contract.ts'
import { type RuleName, rules } from '../rules/rules.ts'

type Service = 'kafka' | 'redis'

const ruleOf = { kafka: 'kafka-lost', redis: 'redis-lost' } as const satisfies Record<Service, RuleName>
const words: Record<Service, string> = {
  kafka:
    'Events wait in the logs of the proxies; numbers and alerts stand still. Clients are not touched. Look at the brokers and at KAFKA_BROKERS.',
  redis:
    'Proxies trust their own replay cache alone; nothing is folded and no other alert is decided. Clients are not touched. Look at Redis and at REDIS_URL.',
}

/** Why, where it is known, and what to do about it. */
export type Whys = Readonly<Partial<Record<Service, string | null>>>

/**
 * What a collector finds out of itself: that it has lost Kafka or Redis. It cannot be left to who decides for all, for
 * that takes both. Pure: state and time in, events out.
 */
export const createSelfWatch = (self: string, factor: number) => {
  const downSince = new Map<Service, number>()
  const raised = new Map<Service, AlertEvent>()
  return {
    /** `now` is epoch ms, `at` the ms of a clock that is never set. */
    look(up: Readonly<Record<Service, boolean>>, now: number, at: number, why: Whys = {}): AlertEvent[] {
      const events: AlertEvent[] = []
      for (const service of ['kafka', 'redis'] as const) {
        const rule = ruleOf[service]
        const since = downSince.get(service) ?? at
        if (up[service]) downSince.delete(service)
        else downSince.set(service, since)
        const downMs = at - since
        const seconds = Math.round(downMs / 1000)
        const of = { v: 1, at: now, rule, subject: `collector ${self}`, value: seconds, baseline: 0 } as const
        const before = raised.get(service)
        if (!up[service] && before === undefined && downMs >= rules[rule].raiseMs * factor) {
          const event: AlertEvent = {
            ...of,
            type: 'alert.raised',
            since: now - downMs,
            summary: `Collector ${self} has no ${service} for ${seconds} s${why[service] ? ` (${why[service]})` : ''}. ${words[service]}`,
          }
          raised.set(service, event)
          events.push(event)
        } else if (up[service] && before !== undefined) {
          raised.delete(service)
          events.push({
            ...of,
            type: 'alert.cleared',
            since: before.since,
            summary: `Collector ${self} has its ${service} again.`,
          })
        }
      }
      return events
    },
    active: (): readonly AlertEvent[] => [...raised.values()],
  }
}
