import type { Path } from './emulation.ts'
import type { Link } from './lane.ts'

export type Scenario = {
  readonly name: string
  readonly what: string
  readonly path: Path
  /** Other clients. */
  readonly crowd: number
}

const link = (rttMs: number, mbit: number, some: Partial<Link> = {}): Link => ({
  delayMs: rttMs / 2,
  jitterMs: 0,
  mbit,
  loss: 0,
  burst: 1,
  bufferMs: 50,
  ...some,
})

/** Wider than every link to a client. */
const toDatacenter = (rttMs: number): Link => link(rttMs, 200)

export const scenarios: readonly Scenario[] = [
  {
    name: 'near',
    what: 'client 20 ms, datacenter 40 ms, 100 Mbit/s, 50 ms of buffer',
    path: { client: link(20, 100), datacenter: toDatacenter(40) },
    crowd: 0,
  },
  {
    name: 'far',
    what: 'client 120 ms, datacenter 160 ms, 100 Mbit/s, 50 ms of buffer',
    path: { client: link(120, 100), datacenter: toDatacenter(160) },
    crowd: 0,
  },
  {
    name: 'lossy',
    what: 'as near, and 1 % of the packets on the link to the client are lost, each way',
    path: { client: link(20, 100, { loss: 0.01 }), datacenter: toDatacenter(40) },
    crowd: 0,
  },
  {
    name: 'bursts',
    what: 'as near, and 3 % are lost, three in a row on average',
    path: { client: link(20, 100, { loss: 0.03, burst: 3 }), datacenter: toDatacenter(40) },
    crowd: 0,
  },
  {
    name: 'mobile',
    what: 'client 80 ms with 10 ms of jitter, datacenter 40 ms, 20 Mbit/s, 500 ms of buffer',
    path: { client: link(80, 20, { jitterMs: 5, bufferMs: 500 }), datacenter: toDatacenter(40) },
    crowd: 0,
  },
  {
    name: 'crowded',
    what: 'as near, and 200 other clients, each with a message a second',
    path: { client: link(20, 100), datacenter: toDatacenter(40) },
    crowd: 200,
  },
]
