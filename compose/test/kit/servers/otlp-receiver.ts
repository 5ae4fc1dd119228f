import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** For tests: an OTLP/HTTP receiver that keeps every request. */
export type FakeBackend = AsyncDisposable & {
  readonly url: string
  readonly received: { readonly path: string; readonly type: string; readonly body: Buffer }[]
  /** Sets the status of its answers. */
  status: number
}

export const fakeBackend = async (): Promise<FakeBackend> => {
  const received: FakeBackend['received'] = []
  const server = createServer(async (request, response) => {
    const raw = Buffer.concat(await request.toArray())
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
    received.push({ path: request.url ?? '', type: request.headers['content-type'] ?? '', body })
    // An empty message means full success: no byte in protobuf, {} in JSON.
    const type = request.headers['content-type'] ?? ''
    response.writeHead(backend.status, { 'content-type': type }).end(type.includes('json') ? '{}' : '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const backend: FakeBackend = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    status: 200,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return backend
}

/** One span as received: ids in hex digits, times in ns. */
export type ReceivedSpan = {
  traceId: string
  spanId: string
  parentSpanId: string
  name: string
  kind: number
  start: bigint
  end: bigint
  attributes: Record<string, string | number | boolean>
  status: number
}

/** The spans of a JSON body. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding */
export const readJson = (body: Buffer): ReceivedSpan[] => {
  type Value = { stringValue?: string; intValue?: number; doubleValue?: number; boolValue?: boolean }
  type Reported = Omit<ReceivedSpan, 'start' | 'end' | 'attributes' | 'status'> & {
    startTimeUnixNano: string
    endTimeUnixNano: string
    attributes: { key: string; value: Value }[]
    status: { code: number }
  }
  const parsed = JSON.parse(body.toString()) as { resourceSpans: { scopeSpans: { spans: Reported[] }[] }[] }
  return parsed.resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .map(({ startTimeUnixNano, endTimeUnixNano, attributes, status, parentSpanId = '', ...rest }) => ({
      ...rest,
      parentSpanId,
      start: BigInt(startTimeUnixNano),
      end: BigInt(endTimeUnixNano),
      attributes: Object.fromEntries(
        attributes.map(({ key, value }) => [key, Object.values(value)[0] ?? '']),
      ),
      status: status.code ?? 0,
    }))
}

type Field = { readonly number: number; readonly bytes: Buffer; readonly value: bigint }

const varint = (bytes: Buffer, from: number): { value: bigint; next: number } => {
  let [value, shift, at] = [0n, 0n, from]
  for (;;) {
    const byte = bytes[at++] ?? 0
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return { value, next: at }
    shift += 7n
  }
}

/** The fields of a protobuf message. https://protobuf.dev/programming-guides/encoding/ */
const fields = (bytes: Buffer): Field[] => {
  const found: Field[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = varint(bytes, at)
    const wire = Number(tag.value & 7n)
    at = tag.next
    let [value, end] = [0n, at]
    if (wire === 0) ({ value, next: end } = varint(bytes, at))
    else if (wire === 1) {
      value = bytes.readBigUInt64LE(at)
      end = at + 8
    } else if (wire === 5) end = at + 4
    else {
      const length = varint(bytes, at)
      at = length.next
      end = at + Number(length.value)
    }
    found.push({ number: Number(tag.value >> 3n), bytes: bytes.subarray(at, end), value })
    at = end
  }
  return found
}

const all = (bytes: Buffer, number: number): Buffer[] =>
  fields(bytes).flatMap((field) => (field.number === number ? [field.bytes] : []))

const attributeOf = (bytes: Buffer): [string, string | number | boolean] => {
  const [key = Buffer.alloc(0)] = all(bytes, 1)
  const [value] = fields(all(bytes, 2)[0] ?? Buffer.alloc(0))
  if (value === undefined) return [key.toString(), '']
  const kinds = [() => value.bytes.toString(), () => value.value === 1n, () => Number(value.value)]
  return [key.toString(), (kinds[value.number - 1] ?? (() => value.bytes.readDoubleLE(0)))()]
}

/** The spans of a protobuf body: opentelemetry/proto/trace/v1/trace.proto. */
export const readProtobuf = (body: Buffer): ReceivedSpan[] =>
  all(body, 1)
    .flatMap((resourceSpans) => all(resourceSpans, 2))
    .flatMap((scopeSpans) => all(scopeSpans, 2))
    .map((span) => {
      const reported = fields(span)
      const one = (number: number): Field | undefined => reported.find((field) => field.number === number)
      const status = fields(one(15)?.bytes ?? Buffer.alloc(0)).find(({ number }) => number === 3)
      return {
        traceId: one(1)?.bytes.toString('hex') ?? '',
        spanId: one(2)?.bytes.toString('hex') ?? '',
        parentSpanId: one(4)?.bytes.toString('hex') ?? '',
        name: one(5)?.bytes.toString() ?? '',
        kind: Number(one(6)?.value ?? 0n),
        start: one(7)?.value ?? 0n,
        end: one(8)?.value ?? 0n,
        attributes: Object.fromEntries(all(span, 9).map(attributeOf)),
        status: Number(status?.value ?? 0n),
      }
    })
