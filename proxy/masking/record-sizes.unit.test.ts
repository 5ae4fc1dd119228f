import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isRecordSizes, mostRecord } from '../wire/records.ts'
import { restarts, sizesOf } from './record-sizes.ts'

const full = 16_384
const times = (count: number, length: number): number[] => Array<number>(count).fill(length)

test('a site that makes full records immediately has one size, whatever its headers and its last record', () => {
  for (const payloads of [
    [full, full, full, 900],
    [240, full, full, 12],
    [full, 3_000],
  ])
    assert.equal(sizesOf(payloads), [mostRecord], String(payloads))
})

test('a site that begins with small records has them, and full ones from then on', () => {
  assert.equal(sizesOf([...times(3, 1_369), ...times(2, 4_229), ...times(9, full), 5]), [
    ...times(3, 1_386),
    ...times(2, 4_246),
    mostRecord,
  ])
  // The rule of Go's crypto/tls: each record one packet longer.
  const growing = [
    1_179, 2_358, 3_537, 4_716, 5_895, 7_074, 8_253, 9_432, 10_611, 11_790, 12_969, 14_148, 15_327,
  ]
  assert.equal(sizesOf([...growing, ...times(4, full), 1]), [...growing.map((n) => n + 17), mostRecord])
})

test('a page that ends before the bulk is followed by full records, and a long one by its own', () => {
  assert.equal(sizesOf([...times(20, 1_369), 7]), [...times(20, 1_386), mostRecord])
  assert.equal(sizesOf([...times(40, 4_096), 7]), [4_113])
})

test('a page is too short when it has few records that are not full', () => {
  for (const payloads of [[], [300], [900, 900, 900, 900, 900], [2_000], [2_000, 300], [4_096, 4_096, 200]])
    assert.is(sizesOf(payloads), null, String(payloads))
})

test('sizes of any answer can be used', () => {
  for (const payloads of [
    times(4_000, 1_025),
    [...times(200, 1_100), ...times(200, 2_000)],
    times(9, full),
  ]) {
    const sizes = sizesOf(payloads)
    assert.ok(sizes !== null && isRecordSizes({ sizes, restartMs: null }))
  }
  assert.not(isRecordSizes(null))
  assert.not(isRecordSizes({ sizes: [], restartMs: null }))
  assert.not(isRecordSizes({ sizes: [100], restartMs: null }))
})

test('a site restarts when the answer after a pause begins as the first did', () => {
  assert.ok(restarts([...times(5, 1_369), 10], 1_386))
  for (const payloads of [[200, full, full, 10], [4_096, full, 10], []]) assert.not(restarts(payloads, 1_386))
})

test.run()
