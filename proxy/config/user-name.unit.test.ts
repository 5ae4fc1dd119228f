import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeEvents } from '../events/codec.ts'
import { readConfig } from './config.ts'
import { nameKey, readUserName } from './user-name.ts'

const secrets = ['c0ffee17a2b94d5e8f6071930ab4d2e6', '5b1f0c9de8a7463280f4716c2d95ab3e'] as const

test('real names are accepted, each in its composed form', () => {
  for (const name of [
    'Zoe\u0301',
    'Jose\u0301 Nuñez',
    'Nguyễn Thị Ánh',
    'अनीता शर्मा',
    'श्रीनिवास',
    'क्\u200dष',
    'علی\u200cرضا',
    'مهدی\u200cزاده',
    'עַמִּית',
    'ก้องภพ',
    'தமிழ்ச்செல்வி',
    'ཚེ རིང',
    'Ольга Й.',
    '山田 太郎',
    'マイケル・ジャクソン',
    '김민준'.normalize('NFD'),
    'O’Brien',
    "D'Arcy",
    'Gal·la',
    'Anne-Marie',
    'anna@home_2',
  ])
    assert.is(readUserName(name), name.normalize('NFC'), name)
})

test('a name that could forge a line, a key or another name is refused', () => {
  for (const name of [
    '',
    ' ',
    '\u0301a',
    '\u200ca',
    'a\u200c',
    'a\u200c b',
    'a\u200c\u200db',
    'a\u202eb',
    'a\u2066b',
    'a\u200fb',
    'a\u200bb',
    'a\ufeffb',
    'a\u00adb',
    'a\u00a0b',
    'a\u2028b',
    'a\u3000b',
    'a\tb',
    'a\nb',
    'a\0b',
    'a\u0085b',
    'a\u3164b',
    'a\u034fb',
    'a\ufe0fb',
    'a\u20ddb',
    'a\ue000b',
    'a\ud800b',
    'a/b',
    'a{b}',
    'a"b',
    'a\\b',
    'a=b',
    'a,b',
    'a:b',
    'a%b',
    'a<b',
    'a\u2044b',
    '-a',
    `a${'\u0331'.repeat(6)}`,
    'a'.repeat(33),
    `${'श्री'.repeat(30)}`,
  ])
    assert.is(readUserName(name), null, JSON.stringify(name))
})

test('no accepted name has a separator or an invisible character, and reading it again changes nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (text) => {
      const name = readUserName(text)
      if (name === null) return
      assert.is(readUserName(name), name)
      assert.is(name.normalize('NFC'), name)
      assert.not.match(name.replace(/[\u200c\u200d]/g, ''), /[\p{C}\p{Zl}\p{Zp}/\\{}"=:]/u)
      assert.is(nameKey(nameKey(name)), nameKey(name))
    }),
  )
})

test('two users must not have names that look alike', () => {
  const both = (one: string, other: string) =>
    readConfig({ USER1_SECRET: secrets[0], USER1_NAME: one, USER2_SECRET: secrets[1], USER2_NAME: other })
  for (const [one, other] of [
    ['Zoe\u0301', 'zo\u00e9'],
    ['علی\u200cرضا', 'علیرضا'],
    ['Anna', 'Ａnna'],
  ] as const) {
    const reading = both(one, other)
    assert.ok(!reading.ok && reading.mistakes[0]?.startsWith('USER2_NAME is the name of USER1 too'), one)
  }
  const reading = both('अनीता', 'Zoe\u0301')
  assert.equal(reading.ok && reading.config.users.map(({ name }) => name), ['अनीता', 'Zo\u00e9'])
  assert.not.ok(both('Anna', 'ｏther').ok)
})

test('events keep such a name unchanged', () => {
  const name = readUserName('علی\u200cرضا')!
  const text = encodeEvents([
    { v: 1, type: 'config.reloaded', at: 1, users: 1, added: [name], removed: [] },
  ]).toString()
  assert.ok(text.includes(name))
})

test.run()
