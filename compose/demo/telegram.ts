import { type FakeDatacenter, fakeDatacenter } from '../test/kit/servers/fake-datacenter.ts'

/** Round trips to the datacenters from Europe, ms, by datacenter id (negative: media). */
const distances = { 1: 48, 2: 6, '-2': 8, 3: 52, 4: 9, '-4': 11, 5: 85, 203: 4 } as const

export type DatacenterId = keyof typeof distances
export type Telegram = Readonly<Record<DatacenterId, FakeDatacenter>>

/** Starts every datacenter on loopback; `stack` owns them. */
export const telegram = async (stack: AsyncDisposableStack): Promise<Telegram> => {
  const started = Object.entries(distances).map(
    async ([id, delayMs]) => [id, stack.use(await fakeDatacenter({ delayMs, remembered: 0 }))] as const,
  )
  return Object.fromEntries(await Promise.all(started)) as Telegram
}

export const distanceOf = (id: DatacenterId): number => distances[id]
