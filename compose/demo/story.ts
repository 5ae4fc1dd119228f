import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { connectClient } from '../test/kit/client/client.ts'
import { clientHello } from '../test/kit/client/client-hello.ts'
import { observe } from '../test/kit/client/probe.ts'
import { siteName } from '../test/kit/servers/site.ts'
import { distanceOf, type Telegram } from './telegram.ts'

export type Stage = {
  port: number
  secret: string
  telegram: Telegram
  /** Prints a line. */
  logger: (line: string) => void
  signal: AbortSignal
}

type Scene = { atSeconds: number; report: string; play: (stage: Stage) => Promise<unknown> }

const pause = (seconds: number, signal: AbortSignal): Promise<void> =>
  wait(seconds * 1000, undefined, { signal })

/** The faults of a simulated day, and where they show. */
const scenes: readonly Scene[] = [
  {
    atSeconds: 15,
    report: 'a probe scans the port and gets a web site; the status page counts it as rejected and fronted',
    play: ({ port }) =>
      Promise.all(
        Array.from({ length: 40 }, (_, i) => observe(port, [probe(i), 300, 'fin']).catch(() => undefined)),
      ),
  },
  {
    atSeconds: 25,
    report: 'datacenter 4 refuses connections for 40 s: see its row, the drops and the alert',
    play: async ({ telegram, signal, logger }) => {
      await Promise.all([telegram[4].goAway(), telegram[-4].goAway()])
      await pause(40, signal)
      await Promise.all([telegram[4].comeBack(), telegram[-4].comeBack()])
      logger('datacenter 4 answers again: the alert clears after a while without failures')
    },
  },
  {
    atSeconds: 80,
    report: 'recorded handshakes are replayed: each is refused and fronted',
    play: async ({ port, secret }) => {
      await using victim = await connectClient({ mode: 'tls', port, secret })
      await victim.reqPq()
      const [hello] = victim.firstBytes
      for (let i = 0; i < 25 && hello; i++) await observe(port, [hello, 100, 'fin']).catch(() => undefined)
    },
  },
  {
    atSeconds: 95,
    report: 'datacenter 5 answers a second late for 25 s: its round trip and time to first byte grow',
    play: async ({ telegram, signal, logger }) => {
      telegram[5].manner.delayMs = 1100
      await pause(25, signal)
      telegram[5].manner.delayMs = distanceOf(5)
      logger('datacenter 5 answers fast again')
    },
  },
  {
    atSeconds: 130,
    report: 'datacenter 1 resets every connection for 12 s: drops with reason reset, and reconnects',
    play: async ({ telegram, signal, logger }) => {
      telegram[1].manner.mood = 'reset'
      await pause(12, signal)
      telegram[1].manner.mood = 'normal'
      logger('datacenter 1 works again')
    },
  },
  {
    atSeconds: 150,
    report: 'a client whose clock is an hour slow connects ten times: refused with reason clock-skew',
    play: async ({ port, secret }) => {
      for (let i = 0; i < 10; i++) await observe(port, [lateHello(secret), 100, 'fin']).catch(() => undefined)
    },
  },
]

export const storySeconds = 180

/** Repeats the scenes until `signal`. */
export const story = async (stage: Stage): Promise<void> => {
  while (!stage.signal.aborted) {
    const playing = scenes.map(async ({ atSeconds, report, play }) => {
      await pause(atSeconds, stage.signal)
      stage.logger(report)
      await play(stage)
    })
    await Promise.all([...playing, pause(storySeconds, stage.signal)]).catch((error) => {
      if (!stage.signal.aborted) throw error
    })
  }
}

const probe = (i: number): Buffer =>
  [
    Buffer.from(`GET /login HTTP/1.1\r\nHost: ${siteName}\r\n\r\n`),
    randomBytes(200),
    clientHello({ secret: randomBytes(16), domain: siteName }).bytes,
    clientHello({ secret: randomBytes(16), domain: 'www.example.com', postQuantum: true }).bytes,
    Buffer.from('SSH-2.0-scanner\r\n'),
  ][i % 5]!

const lateHello = (secret: string): Buffer => {
  const at = Math.floor(Date.now() / 1000) - 3600
  return clientHello({ secret: Buffer.from(secret, 'hex'), domain: siteName, at }).bytes
}
