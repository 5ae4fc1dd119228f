import type { Path } from './emulation.ts'
import { answerBytes, type Sample } from './figures.ts'

/** Payload of a full packet: IPv4, TCP and timestamps take 52 of 1,500 bytes. */
const payloadShare = 1448 / 1500

/**
 * What the path itself costs, whatever the proxy does; null where it sets no limit. A connection with `dd` needs two round trips
 * to the proxy, with fake TLS three, and one from there to the datacenter: a dial ahead of need saves the second of those.
 */
export const floorOf = ({ client, datacenter }: Path): Readonly<Record<Sample, number | null>> => {
  const [near, beyond] = [2 * client.delayMs, 2 * datacenter.delayMs]
  const mbit = client.mbit * payloadShare
  return {
    connectDd: 2 * near + beyond,
    connectEe: 3 * near + beyond,
    idle: near + beyond,
    loaded: near + beyond,
    silent: near + beyond + (answerBytes * 8) / 1000 / mbit,
    one: mbit,
    eight: mbit,
    cpu: null,
    wakeUps: null,
    resent: client.loss * 100,
    failed: null,
  }
}
