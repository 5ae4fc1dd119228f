import type { Hello } from './client-hello.ts'
import { readAnswer } from './server-answer.ts'

/** What the apps put into one record: TDLib's MAX_TLS_PACKET_LENGTH. */
export const appRecordBytes = 2878
const clientChangeCipherSpec = Buffer.from('140303000101', 'hex')

/** Bytes as ApplicationData records; the first ones of a connection come behind a ChangeCipherSpec. */
export const wrapper = (recordBytes: number) => {
  let begun = false
  return (bytes: Buffer): Buffer => {
    const parts: Buffer[] = begun ? [] : [clientChangeCipherSpec]
    begun = true
    for (let at = 0; at < bytes.length; at += recordBytes) {
      const body = bytes.subarray(at, at + recordBytes)
      parts.push(Buffer.from([0x17, 0x03, 0x03, body.length >> 8, body.length & 0xff]), body)
    }
    return Buffer.concat(parts)
  }
}

export type Greeting = { certificateBytes: number; group: number; answerBytes: number }

/** First the answer to the hello, then nothing but ApplicationData. Throws what an app would give up for. */
export const unwrapper = (
  hello: Hello,
  secret: Buffer,
  greeted: (greeting: Greeting) => void,
  deliver: (bytes: Buffer) => void,
) => {
  let rest: Buffer = Buffer.alloc(0)
  let answered = false
  return (bytes: Buffer): void => {
    rest = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes
    if (!answered) {
      const answer = readAnswer(rest, hello, secret)
      if (!answer) return
      answered = true
      rest = rest.subarray(answer.length)
      greeted({ ...answer, answerBytes: answer.length })
    }
    while (rest.length >= 5) {
      if (rest.readUIntBE(0, 3) !== 0x170303) throw new Error(`no data record: ${rest.toString('hex', 0, 5)}`)
      const length = rest.readUInt16BE(3)
      if (length === 0 || length > 16384 + 256) throw new Error(`a data record of ${length} bytes`)
      if (rest.length < 5 + length) return
      deliver(rest.subarray(5, 5 + length))
      rest = rest.subarray(5 + length)
    }
  }
}
