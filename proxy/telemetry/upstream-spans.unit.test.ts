import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ProxyEvent } from '../events/contract.ts'
import { examples } from '../events/examples.ts'
import { foldSpans, type Span } from './spans.ts'

test('the upstream is on the dial and on the connection, and one that failed has a span of its own', () => {
  const spans: Span[] = []
  // Outside of the sample: the failure keeps the trace.
  const fold = foldSpans(
    () => false,
    (span) => spans.push(span),
  )
  const { connection } = examples['connection.accepted']
  const events: readonly ProxyEvent[] = [
    examples['connection.accepted'],
    examples['handshake.accepted'],
    { ...examples['upstream.failed'], connection },
    { ...examples['datacenter.dialed'], upstream: 'direct' },
    examples['connection.closed'],
  ]
  for (const event of events) fold(event)
  assert.equal(
    spans
      .filter(({ name }) => name === 'dial')
      .map(({ attributes, error }) => [attributes['mtscope.upstream'], error]),
    [
      ['socks5-1', 'login'],
      ['direct', undefined],
    ],
  )
  assert.is(spans.find(({ name }) => name === 'connection')?.attributes['mtscope.upstream'], 'direct')
})

test.run()
