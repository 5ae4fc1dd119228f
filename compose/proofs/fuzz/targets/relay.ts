import { connect } from 'node:net'
import { setTimeout as after, setImmediate } from 'node:timers/promises'
import { nativeEngine } from '../../../../proxy/net/epoll/engine.ts'
import { libc } from '../../../../proxy/net/epoll/libc.ts'
import type { Engine } from '../../../../proxy/net/link.ts'
import { portableEngine } from '../../../../proxy/net/node-net/engine.ts'
import { capacityMemory } from '../../../../proxy/relay/capacity.ts'
import { type RunningRelay, startRelay } from '../../../../proxy/relay/relay.ts'
import type { RelaySettings } from '../../../../proxy/relay/settings.ts'
import { replayMemory } from '../../../../proxy/replay-cache/memory.ts'
import { connectClient } from '../../../test/kit/client/client.ts'
import { domainsWith, settings } from '../../../test/kit/relay/hand-relay.ts'
import { fakeDatacenter } from '../../../test/kit/servers/fake-datacenter.ts'
import { until } from '../../../test/until.ts'
import { domain, nowMs, opening, secret, signedHello, unauthenticated, userLike } from '../hellos.ts'
import { answerTo, mirrorSite, silentDatacenter } from '../mirror-site.ts'
import { piecesOf, type Random, randomOf } from '../random.ts'
import { Finding, promise, type Target } from '../target.ts'

const kinds = ['masked', 'unmasked', 'replayed', 'user-like', 'user'] as const
type Kind = (typeof kinds)[number]

/** Sent once before the first case. */
const used = [signedHello(), opening(randomOf(7), secret, 2)]

/** The second datacenter speaks MTProto. */
const [silentDc, realDc] = [2, 4]

const openWorld = async (make: (bytes: number) => Engine | null) => {
  const engine = make(600_000)
  if (engine === null) throw new Error('this machine has no such engine')
  const [site, silent, datacenter] = [
    await mirrorSite(),
    await silentDatacenter(),
    await fakeDatacenter({ remembered: 1 }),
  ]
  const to = (port: number) => ({ host: '127.0.0.1', port, family: 'ipv4' }) as const
  const faults: unknown[] = []
  const report = (error: unknown): void => void faults.push(error)
  const relayWith = async (changed: Partial<RelaySettings>) => {
    const relay = startRelay(
      engine,
      {
        ...settings(),
        maxConnections: 2_000,
        maxHandshakes: 2_000,
        capacity: capacityMemory(1),
        replay: replayMemory(200_000),
        users: [
          { name: 'another', secret: Buffer.alloc(16, 1) },
          { name: 'one', secret },
        ],
        directory: new Map([
          [silentDc, [to(silent.port)]],
          [realDc, [to(datacenter.port)]],
        ]),
        ...changed,
      },
      () => {},
      report,
    )
    // The budget is that of a slow line; here it would only make cases slow.
    Object.assign(relay, { epoch: () => nowMs, budget: { take: () => true, giveBack: () => {} } })
    const { accepted, exhausted } = relay
    const listening = await engine.listen({
      host: '127.0.0.1',
      port: 0,
      userTimeoutMs: 60_000,
      accepted,
      exhausted,
    })
    return { relay, listening }
  }
  const masked = await relayWith({ domains: domainsWith(to(site.port), domain) })
  const unmasked = await relayWith({ domains: domainsWith(null, domain) })
  const pulse = (now: number): void => {
    for (const { relay } of [masked, unmasked]) relay.pulse(now)
  }
  // The clients run on the same thread: it never waits.
  engine.run({ pulse, patience: () => 0 }, report)
  return {
    faults,
    ports: { masked: masked.listening.port, unmasked: unmasked.listening.port },
    close: async () => {
      const left = ({ relay }: { relay: RunningRelay }): number =>
        relay.sessions.size + new Int32Array(relay.settings.capacity).reduce((sum, count) => sum + count, 0)
      await until(() => left(masked) + left(unmasked) === 0, 'the end of every session, and its places')
      for (const { relay, listening } of [masked, unmasked]) {
        relay.closeAll()
        listening.close()
      }
      engine.stop()
      await site.close()
      await silent.close()
      await datacenter[Symbol.asyncDispose]()
    },
  }
}

/** Everything that comes to a client that sends these pieces and FIN. A `pauseMs` begins after the first piece. */
const exchange = async (port: number, pieces: readonly Buffer[], pauseMs: number) => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const parts: Buffer[] = []
  let failure = ''
  socket.on('data', (bytes: Buffer) => parts.push(bytes))
  socket.on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code ?? error.message
  })
  const closed = new Promise((resolve) => socket.on('close', resolve))
  for (const [i, piece] of pieces.entries()) {
    socket.write(piece)
    if (pieces.length > 1) await setImmediate()
    if (i === 0 && pauseMs > 0) await after(pauseMs)
  }
  socket.end()
  await closed
  return { received: Buffer.concat(parts), failure }
}

type Seen = Awaited<ReturnType<typeof exchange>>

/** Throws unless an unauthenticated client got exactly this answer. */
const compare = ({ received, failure }: Seen, { answer, end }: ReturnType<typeof answerTo>): void => {
  const most = Math.min(received.length, answer.length)
  let same = 0
  while (same < most && received[same] === answer[same]) same++
  const own = received.length - same
  const where = `byte ${same} of ${answer.length}, received ${received.length}`
  if (own > 0) throw new Finding('own-bytes', `other bytes than the masking host's from ${where}`, own)
  if (end === 'fin' && same < answer.length)
    throw new Finding('difference', `the answer ends at ${where}`, answer.length - same)
  const seen = failure === '' ? 'fin' : failure === 'ECONNRESET' || failure === 'EPIPE' ? 'reset' : failure
  if (seen !== end)
    throw new Finding('difference', `the connection ends by ${seen}, that of the host by ${end}`)
}

const modes = ['classic', 'secure', 'tls'] as const

/** A client that downloads, uploads and gets its bytes back. */
const userCase = async (port: number, bytes: Buffer): Promise<string> => {
  const mode = modes[(bytes[0] ?? 0) % 3]!
  const size = bytes.length < 4 ? 100 : bytes.readUInt16LE(1) * (1 + (bytes[3]! % 6))
  const clockOffsetSeconds = Math.round((nowMs - Date.now()) / 1_000)
  await using client = await connectClient({ port, secret, mode, dc: realDc, domain, clockOffsetSeconds })
  const back = await client.echo(bytes)
  promise(back.equals(bytes), 'the datacenter got or sent other bytes')
  await client.download(size)
  await client.upload(Math.ceil(size / 2))
  return `${mode} ${size > 65_536 ? 'bulk' : 'small'}`
}

const make = (random: Random): Buffer => {
  const kind = random.oneIn(40) ? 4 : random.one([0, 0, 0, 0, 1, 2, 3, 3])
  const bytes = (): Buffer => {
    switch (kinds[kind]!) {
      case 'replayed':
        return Buffer.concat([random.one(used), random.bytes(random.below(200))])
      case 'user-like':
        return userLike(random)
      case 'user':
        return random.bytes(4 + random.below(2_000))
      default:
        return unauthenticated(random)
    }
  }
  return Buffer.concat([Buffer.from([kind]), random.bytes(1), bytes()])
}

const relayOn = (name: string, engineOf: (bytes: number) => Engine | null, runs: boolean): Target => ({
  name,
  share: 30_000,
  together: 16,
  runs,
  native: engineOf === nativeEngine,
  open: async () => {
    const { faults, ports, close } = await openWorld(engineOf)
    for (const bytes of used) await exchange(ports.masked, [bytes], 0)
    const judge = async (kind: Kind, seed: number, sent: Buffer): Promise<string> => {
      if (kind === 'user') return userCase(ports.masked, sent)
      const pauseMs = seed === 0 ? 150 : 0
      const port = kind === 'unmasked' ? ports.unmasked : ports.masked
      const seen = await exchange(port, piecesOf(sent, randomOf(seed)), pauseMs)
      if (kind === 'user-like') return seen.received.length === 0 ? 'nothing' : 'an answer'
      const expected = kind === 'unmasked' ? answerTo(Buffer.alloc(0)) : answerTo(sent)
      compare(seen, expected)
      if (expected.end === 'reset') return 'the same reset'
      return pauseMs > 0 ? 'the same, slowly' : 'the same'
    }
    const run = async (input: Buffer): Promise<string> => {
      const kind = kinds[(input[0] ?? 0) % kinds.length]!
      const outcome = await judge(kind, input[1] ?? 0, input.subarray(2))
      const [fault] = faults.splice(0)
      if (fault !== undefined) throw fault
      return `${kind}: ${outcome}`
    }
    return { make, run, close }
  },
})

export const relays: readonly Target[] = [
  relayOn('relay-native', nativeEngine, libc !== null),
  relayOn('relay-portable', portableEngine, true),
]
