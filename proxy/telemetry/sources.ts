import type { Meter } from '@opentelemetry/api'
import type { Kernel } from '../host/kernel.ts'
import { metrics } from './catalogue/catalogue.ts'
import { profileQualities } from './catalogue/finding-catalogue.ts'
import { type FindingsReport, observeFindings } from './findings.ts'
import { readAllAtScrape, readAtScrape } from './series.ts'

/** Spans that a backend accepted, and lost spans by reason. */
export type SpanCounts = { readonly exported: number; readonly lost: Readonly<Record<string, number>> }

/** What the shipper to Kafka knows about itself. */
export type ShippingStatus = {
  readonly shipped: {
    readonly events: number
    readonly waitingRows: number
    /** Epoch, ms; null when Kafka has acknowledged everything. */
    readonly oldestAt: number | null
  }
  /** Whether Kafka accepted the newest send; null before the first. */
  readonly up: boolean | null
  /** Failed sends by reason. */
  failures(): Iterable<readonly [string, number]>
}

export type UsersReport = {
  readonly enabled: number
  readonly disabled: number
  readonly readable: boolean
  /** By reason. */
  readonly damage: Readonly<Record<string, number>>
}

/** Values that no event carries. They are read at each scrape. */
export type Sources = {
  readonly logBytes?: () => number
  /** Of all threads and datacenters. */
  readonly pooledConnections?: () => number
  readonly spans?: () => SpanCounts
  /** Whether the masking host of each domain answers; null before the first check. */
  readonly masking?: () => readonly (readonly [domain: string, up: boolean | null])[]
  /** How well the answer of each domain's masking host is known, and since when; epoch in ms, null: not measured. */
  readonly maskingProfiles?: () => readonly MaskingProfile[]
  /** Answers of the shared replay cache by outcome; null without Redis. */
  readonly claims?: Readonly<Record<string, number>> | null
  /** Places of users with limits, by outcome. */
  readonly userLeases?: Readonly<Record<string, number>> | null
  /** Error replies of Redis by reason; null without Redis. */
  readonly redisRefusals?: Readonly<Record<string, number>> | null
  /** Refused requests by reason; null until the server listens. */
  readonly httpRefusals?: () => Readonly<Record<string, number>> | null
  /** Null without Kafka. */
  readonly shipping?: ShippingStatus | null
  /** Null until the doctor has finished its first examination. */
  readonly doctor?: () => FindingsReport | null
  /** The users in force, and the health of their store. */
  readonly users?: () => UsersReport
  /** Counters of the host; a counter that the host lacks has no series. */
  readonly kernel?: Kernel
}

export type MaskingProfile = {
  readonly domain: string
  readonly quality: (typeof profileQualities)[number]
  readonly measuredAt: number | null
}

const observeProfiles = (meter: Meter, profiles: () => readonly MaskingProfile[]): void => {
  readAllAtScrape(meter, metrics.maskingProfile, () =>
    profiles().flatMap(({ domain, quality: holds }) =>
      profileQualities.map((quality) => [[domain, quality], quality === holds ? 1 : 0] as const),
    ),
  )
  readAtScrape(meter, metrics.maskingProfileTime, () =>
    profiles().flatMap(
      ({ domain, measuredAt }): Reading => (measuredAt === null ? [] : [[domain, measuredAt / 1000]]),
    ),
  )
}

type Reading = readonly (readonly [string, number])[]

const one = (value: number | boolean | null | undefined): Reading =>
  value === null || value === undefined ? [] : [['', Number(value)]]

const observeShipping = (meter: Meter, shipping: ShippingStatus): void => {
  const lagSeconds = (): number => {
    const { oldestAt } = shipping.shipped
    return oldestAt === null ? 0 : Math.max(0, Date.now() - oldestAt) / 1000
  }
  readAtScrape(meter, metrics.shipped, () => one(shipping.shipped.events))
  readAtScrape(meter, metrics.shipRows, () => one(shipping.shipped.waitingRows))
  readAtScrape(meter, metrics.shipLagSeconds, () => one(lagSeconds()))
  readAtScrape(meter, metrics.kafkaUp, () => one(shipping.up))
  readAtScrape(meter, metrics.kafkaFailures, () => shipping.failures())
}

const observeKernel = (meter: Meter, kernel: Kernel): void => {
  readAtScrape(meter, metrics.listenOverflows, () => one(kernel.listenOverflows()))
  readAtScrape(meter, metrics.packetsDropped, () => one(kernel.packetsDropped()))
  readAtScrape(meter, metrics.pressureSeconds, kernel.pressureSeconds)
  readAtScrape(meter, metrics.cpuPeriods, () => one(kernel.cpu()?.periods))
  readAtScrape(meter, metrics.cpuThrottledPeriods, () => one(kernel.cpu()?.throttledPeriods))
  readAtScrape(meter, metrics.cpuThrottledSeconds, () => one(kernel.cpu()?.throttledSeconds))
}

const observeUsers = (meter: Meter, users: () => UsersReport): void => {
  const states = (): Reading => {
    const { enabled, disabled } = users()
    return Object.entries({ enabled, disabled })
  }
  readAtScrape(meter, metrics.users, states)
  readAtScrape(meter, metrics.userStoreReadable, () => one(users().readable))
  readAtScrape(meter, metrics.userStoreDamage, () => Object.entries(users().damage))
}

/** Exports every source that this process has. */
export const observeSources = (meter: Meter, sources: Sources): void => {
  const { logBytes, pooledConnections, spans, doctor, shipping, kernel, masking } = sources
  const { claims, userLeases, redisRefusals, httpRefusals, users } = sources
  if (users) observeUsers(meter, users)
  if (sources.maskingProfiles) observeProfiles(meter, sources.maskingProfiles)
  if (masking) {
    readAtScrape(meter, metrics.maskingUp, () =>
      masking().flatMap(([domain, up]): Reading => (up === null ? [] : [[domain, Number(up)]])),
    )
  }
  if (claims) readAtScrape(meter, metrics.replayClaims, () => Object.entries(claims))
  if (userLeases) readAtScrape(meter, metrics.userLeases, () => Object.entries(userLeases))
  if (redisRefusals) readAtScrape(meter, metrics.redisRefusals, () => Object.entries(redisRefusals))
  if (httpRefusals) readAtScrape(meter, metrics.httpRefusals, () => Object.entries(httpRefusals() ?? {}))
  if (shipping) observeShipping(meter, shipping)
  if (kernel) observeKernel(meter, kernel)
  if (doctor) observeFindings(meter, doctor)
  if (logBytes) readAtScrape(meter, metrics.logBytes, () => one(logBytes()))
  if (pooledConnections) readAtScrape(meter, metrics.pooledConnections, () => one(pooledConnections()))
  if (spans) {
    readAtScrape(meter, metrics.spansExported, () => one(spans().exported))
    readAtScrape(meter, metrics.spansLost, () => Object.entries(spans().lost))
  }
}
