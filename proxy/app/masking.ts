import type { MaskedDomain } from '../config/masking-settings.ts'
import type { LocalLog } from '../event-log/event-log.ts'
import { flightName, keptFlight, keptRecords, recordsName } from '../masking/kept.ts'
import { type Profile, watchMasking } from '../masking/watch.ts'
import type { OwnPlace } from '../net/ourselves.ts'
import type { Domain, Domains } from '../relay/settings.ts'
import type { LinkAddress } from '../users/public-address.ts'
import { unmeasured } from '../wire/records.ts'
import { usualFlight } from '../wire/server-hello.ts'
import type { ProxyOptions } from './running-proxy.ts'

export type Masking = {
  /** Whether the site of each domain answered the last time; null before the first check. */
  up(): readonly (readonly [domain: string, up: boolean | null])[]
  profiles(): readonly ({ readonly domain: string } & Profile)[]
  /** A client has sent a hello for this domain of a class that this thread has not seen before. */
  helloSeen(domain: string, kind: string, template: Buffer): void
}

type Place = {
  /** The listeners: a masking host is never this proxy itself. */
  readonly own: readonly OwnPlace[]
  readonly address: Promise<LinkAddress>
  /** Called before the first check. */
  readonly masking: (masking: Masking) => void
}

type Watch = ReturnType<typeof watchMasking>

/**
 * Measures the sites of all domains before the first client: from the first moment on, a probe must get their answers.
 * Returns the table of domains; `changed` gets it after each change, until `signal`.
 */
export const startMasking = async (
  { config, logger }: ProxyOptions,
  { own, address, masking }: Place,
  log: LocalLog,
  signal: AbortSignal,
  changed: (domains: Domains) => void,
): Promise<() => Domains> => {
  const publicHost = address.then(({ host }) => host)
  const unwatched = ({ name }: MaskedDomain): Domain => ({
    name,
    mask: null,
    flight: keptFlight(log, name) ?? usualFlight,
    records: unmeasured(config.recordSizes),
  })
  const [first, ...others] = config.domains
  let domains: Domains = [unwatched(first), ...others.map(unwatched)]
  const change = (name: string, changes: Partial<Domain>): void => {
    const changedOne = (domain: Domain): Domain => (domain.name === name ? { ...domain, ...changes } : domain)
    const [default_, ...rest] = domains
    domains = [changedOne(default_), ...rest.map(changedOne)]
    changed(domains)
  }
  const watches = new Map<string, Watch>()
  masking({
    up: () => [...watches].map(([name, watch]) => [name, watch.up()]),
    profiles: () => [...watches].map(([domain, watch]) => ({ domain, ...watch.profile() })),
    helloSeen: (domain, kind, template) => watches.get(domain)?.helloSeen(kind, template),
  })
  for (const { name, site } of config.domains) {
    if (site === null) continue
    const watch = watchMasking({
      ...site,
      name: name || site.host,
      ourselves: { listeners: own, publicHost },
      kept: keptFlight(log, name),
      keptRecords: config.recordSizes === 'max' ? 'off' : keptRecords(log, name),
      logger,
      changed: (changes) => {
        const { mask, ...others } = changes
        const { proxyProtocol } = site
        change(name, mask ? { mask: { ...mask, proxyProtocol }, ...others } : changes)
        if (changes.records) log.saveSnapshot(recordsName(name), 0, JSON.stringify(changes.records))
        if (changes.flight) log.saveSnapshot(flightName(name), 0, JSON.stringify(changes.flight))
      },
    })
    watches.set(name, watch)
    signal.addEventListener('abort', watch.stop)
  }
  await Promise.all([...watches.values()].map(({ known }) => known))
  return () => domains
}
