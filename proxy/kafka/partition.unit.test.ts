import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { murmur2, partitionOf } from './partition.ts'

// From Kafka's tests: org.apache.kafka.common.utils.UtilsTest#testMurmur2
test('keys are hashed as in Kafka', () => {
  const known: Readonly<Record<string, number>> = {
    '21': -973932308,
    foobar: -790332482,
    'a-little-bit-long-string': -985981536,
    'a-little-bit-longer-string': -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  }
  for (const [key, hash] of Object.entries(known)) assert.is(murmur2(Buffer.from(key)), hash, key)
})

test('a key has its partition', () => {
  for (const partitions of [1, 3, 12]) {
    for (const key of ['n1/b1', 'n2/b2', '']) {
      const partition = partitionOf(key, partitions)
      assert.ok(partition >= 0 && partition < partitions)
    }
  }
})

test.run()
