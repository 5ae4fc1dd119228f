import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { type Client, type ClientOptions, connectClient } from '../test/kit/client/client.ts'

/** The connection settings of a simulated person. */
export type Person = Pick<ClientOptions, 'port' | 'secret' | 'mode'> & { dc: number; postQuantum: boolean }

const kilobyte = 1024
const between = (least: number, most: number): number => randomInt(least, most + 1)
const chance = (share: number): boolean => Math.random() < share

/**
 * Simulates a person that uses Telegram for `untilMs` or until `signal`: chats, photos, videos, uploads. Reconnects after a failure
 * as apps do.
 */
export const live = async (person: Person, untilMs: number, signal: AbortSignal): Promise<void> => {
  const leaves = performance.now() + untilMs
  while (performance.now() < leaves && !signal.aborted) {
    try {
      await using chat = await connectClient(person)
      using _ = endingWith(chat, signal)
      await chat.reqPq()
      while (performance.now() < leaves) {
        await doSomething(chat, person, signal)
        await wait(between(200, 2500), undefined, { signal })
      }
      chat.end()
      await chat.closed
    } catch {
      if (signal.aborted) return
      await wait(between(700, 3000), undefined, { signal }).catch(() => {})
    }
  }
}

const doSomething = async (chat: Client, person: Person, signal: AbortSignal): Promise<void> => {
  if (chance(0.7)) return void (await chat.echo(Buffer.alloc(between(40, 3000), 1)))
  if (chance(0.6)) return onMedia(person, signal, (media) => media.download(between(60, 600) * kilobyte))
  if (chance(0.5)) return onMedia(person, signal, (media) => media.upload(between(50, 900) * kilobyte))
  const second = between(300, 900) * kilobyte
  return onMedia(person, signal, (media) => media.download(second * between(2, 6), second))
}

/** Transfers files on a separate connection, to the media address of the datacenter where it has one. */
const onMedia = async (
  person: Person,
  signal: AbortSignal,
  use: (media: Client) => Promise<unknown>,
): Promise<void> => {
  await using media = await connectClient({ ...person, media: person.dc === 2 || person.dc === 4 })
  using _ = endingWith(media, signal)
  await use(media)
  media.end()
  await media.closed
}

const endingWith = (client: Client, signal: AbortSignal): Disposable => {
  const end = (): void => void client.socket.destroy()
  signal.addEventListener('abort', end)
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', end) }
}
