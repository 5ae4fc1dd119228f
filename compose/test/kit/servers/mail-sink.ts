import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

export type Mail = {
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  /** The plain text part; null when there is none. */
  readonly text: string | null
  /** The whole mail as received. */
  readonly raw: string
}

export type MailSink = AsyncDisposable & {
  readonly address: string
  readonly mails: readonly Mail[]
  /** Logins so far, as name:password. */
  readonly logins: readonly string[]
}

const unquoted = (text: string): string =>
  Buffer.from(
    text
      .replace(/=\r?\n/g, '')
      .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString()

/** Decodes the encoded words of a header. RFC 2047; Go writes only the Q encoding. */
const decoded = (header: string): string =>
  header
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?q\?(.*?)\?=/gi, (_, word: string) => unquoted(word.replaceAll('_', ' ')))

const read = (envelope: Pick<Mail, 'from' | 'to'>, raw: string): Mail => {
  const [head = ''] = raw.split(/\r\n\r\n/, 1)
  const subject = /^Subject: (.*(?:\r\n[ \t].*)*)/im.exec(head)?.[1] ?? ''
  const part = /Content-Type: text\/plain.*?\r\n\r\n(.*?)\r\n--/is.exec(raw)?.[1]
  return { ...envelope, subject: decoded(subject), text: part === undefined ? null : unquoted(part), raw }
}

/** A mail server on loopback without TLS that keeps every mail. The part of RFC 5321 that one sender needs. */
export const mailSink = async (): Promise<MailSink> => {
  const mails: Mail[] = []
  const logins: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    const reply = (line: string): void => void socket.write(`${line}\r\n`)
    let [from, to, data] = ['', [] as string[], null as string[] | null]
    const command = (line: string): void => {
      const [verb = '', rest = ''] = [line.slice(0, 4).toUpperCase(), line.slice(5)]
      if (verb === 'EHLO') {
        reply('250-sink.test')
        reply('250-AUTH PLAIN')
        reply('250 8BITMIME')
      } else if (verb === 'AUTH') {
        const [, name, password] = Buffer.from(rest.split(' ')[1] ?? '', 'base64')
          .toString()
          .split('\0')
        logins.push(`${name}:${password}`)
        reply('235 welcome')
      } else if (verb === 'MAIL') {
        ;[from, to] = [/<(.*?)>/.exec(rest)?.[1] ?? '', []]
        reply('250 ok')
      } else if (verb === 'RCPT') {
        to.push(/<(.*?)>/.exec(rest)?.[1] ?? '')
        reply('250 ok')
      } else if (verb === 'DATA') {
        data = []
        reply('354 go on')
      } else if (verb === 'QUIT') {
        reply('221 bye')
        socket.end()
      } else reply('502 not here')
    }
    const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY })
    // readline emits the errors of its input: a killed sender resets the connection.
    lines.on('error', () => {})
    lines.on('line', (line) => {
      if (data === null) command(line)
      else if (line === '.') {
        mails.push(read({ from, to }, data.join('\r\n')))
        data = null
        reply('250 kept')
      } else data.push(line.startsWith('.') ? line.slice(1) : line)
    })
    reply('220 sink.test')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    mails,
    logins,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await server[Symbol.asyncDispose]()
    },
  }
}
