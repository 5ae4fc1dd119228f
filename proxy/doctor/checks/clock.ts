import { addressesOf, idsOf } from '../../datacenter/directory.ts'
import { probe } from '../../datacenter/res-pq.ts'
import { serves } from '../../datacenter/upstream.ts'
import { shakeHands } from '../../masking/tls-handshake.ts'
import { randomPool } from '../../wire/random.ts'
import { type About, type Check, type Finding, finding } from '../finding.ts'
import { wayOut } from '../way-out.ts'

const timeoutMs = 3_000
/** A larger offset is a fault of the clock, even where clients are still accepted. */
const suspiciousMs = 5_000

/** How far this clock is ahead of another one, ms, and the name of the other. */
type Offset = { readonly aheadMs: number; readonly of: string }

/** The message id of resPQ holds the datacenter's time. The first answer of all datacenters is the most exact. */
const byDatacenter = async ({ config, signal, now }: About): Promise<Offset | null> => {
  const random = randomPool(256)
  const upstream = await wayOut(config)
  const ask = async (id: number): Promise<Offset> => {
    const all = addressesOf(config.datacenters, id, false)
    const known = upstream === null ? all : all.filter((address) => serves(upstream, address))
    const address = known.find(({ family }) => family === 'ipv4') ?? known[0]
    const answer = address && (await probe({ address, id, random, timeoutMs, signal, upstream }))
    if (!answer?.ok || answer.serverAt === null) throw new Error('no answer')
    return { aheadMs: now() - answer.resPqMs / 2 - answer.serverAt, of: `datacenter ${id}` }
  }
  try {
    return await Promise.any(idsOf(config.datacenters).map(ask))
  } catch {
    return null
  }
}

/** The `Date` header of the masking host, exact to a second. */
const byMaskingHost = async ({ config, signal, now }: About): Promise<Offset | null> => {
  const [{ name, site }] = config.domains
  if (site === null) return null
  const answer = await shakeHands({
    ...site,
    name: name || site.host,
    timeoutMs,
    signal,
    askHead: true,
  })
  return answer.ok && answer.date !== null
    ? { aheadMs: now() - answer.date - 500, of: `the site ${site.host}` }
    : null
}

export const judge = (offset: Offset | null, toleratedSeconds: number): Finding => {
  const id = 'clock.offset'
  if (offset === null) {
    return finding(id, 'unknown', 'cannot check the clock: no datacenter and no masking host answered', {
      advice: 'fix the findings of datacenters and masking, then run mtscope doctor --only clock',
    })
  }
  const seconds = offset.aheadMs / 1_000
  const numbers = { aheadSeconds: Math.round(offset.aheadMs) / 1_000, toleratedSeconds }
  const off = `this clock is ${Math.abs(seconds).toFixed(1)} s ${seconds > 0 ? 'ahead of' : 'behind'} ${offset.of}`
  const advice = 'synchronize the clock: timedatectl set-ntp true, or install chrony'
  if (Math.abs(seconds) >= toleratedSeconds) {
    return finding(
      id,
      'fail',
      `${off}: the proxy refuses fake-TLS clients whose clock is right (CLOCK_SKEW=${toleratedSeconds})`,
      { advice, numbers },
    )
  }
  return Math.abs(offset.aheadMs) > suspiciousMs
    ? finding(id, 'warn', `${off}; from ${toleratedSeconds} s on the proxy refuses fake-TLS clients`, {
        advice,
        numbers,
      })
    : finding(id, 'ok', off, { numbers })
}

export const clockCheck: Check = async (about) => [
  judge((await byDatacenter(about)) ?? (await byMaskingHost(about)), about.config.clockSkewSeconds),
]
