import type { AlertEvent } from '../../../proxy/events/contract.ts'
import { type RuleName, rules } from '../rules/rules.ts'

type Service = 'kafka' | 'redis'

const ruleOf = { kafka: 'kafka-lost', redis: 'redis-lost' } as const satisfies Record<Service, RuleName>
const names: Record<Service, string> = { kafka: 'Kafka', redis: 'Redis' }
/** The impact, and what to do. */
const consequences: Record<Service, string> = {
  kafka:
    'events wait in the event logs of the proxies, numbers and alerts stand still, clients are not affected. Check the brokers and KAFKA_BROKERS.',
  redis:
    'nothing is folded, no other alert is decided, each proxy uses only its own replay cache, clients are not affected. Check Redis and REDIS_URL.',
}

/** Why a service is lost and what to do about it, where that is known. */
export type Whys = Readonly<Partial<Record<Service, string | null>>>

/**
 * Alerts of a collector about itself: it has lost Kafka or Redis. The holder of the lease cannot decide these, because
 * deciding needs both services. Pure: state and time in, events out.
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
            summary: `Collector ${self} has been without ${names[service]} for ${seconds} s${why[service] ? ` (${why[service]})` : ''}: ${consequences[service]}`,
          }
          raised.set(service, event)
          events.push(event)
        } else if (up[service] && before !== undefined) {
          raised.delete(service)
          events.push({
            ...of,
            type: 'alert.cleared',
            since: before.since,
            summary: `Collector ${self} reaches ${names[service]} again.`,
          })
        }
      }
      return events
    },
    active: (): readonly AlertEvent[] => [...raised.values()],
  }
}
