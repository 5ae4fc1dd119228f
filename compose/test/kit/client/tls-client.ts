import type { Hello } from './client-hello.ts'
import { readAnswer } from './server-answer.ts'

/** The record size of the apps: TDLib's MAX_TLS_PACKET_LENGTH. */
export const appRecordBytes = 2878
const clientChangeCipherSpec = Buffer.from('140303000101', 'hex')

/** Puts bytes into ApplicationData records; a ChangeCipherSpec precedes the first one of a connection. */
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

/** Expects the answer to the hello, then only ApplicationData, whose bytes it delivers. Throws where an app would give up. */
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

/** Payload lengths of the records in a stream of whole records. */
export const recordLengths = (stream: Buffer): number[] => {
  const lengths: number[] = []
  for (let at = 0; at < stream.length; at += 5 + lengths.at(-1)!) lengths.push(stream.readUInt16BE(at + 3))
  return lengths
}
