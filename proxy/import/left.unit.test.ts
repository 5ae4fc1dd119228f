import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { importTexts } from './import-text.ts'
import { recognise } from './recognise.ts'

const one = 'd6b1f0a9c87e4523901fbad24c6e7318'
const two = '3f9c07be51d24a86b7e0c4912ad5f863'
const tag = '8a5d3c1fe27b40964fb0d1827c6e9a35'

const imported = (text: string) => {
  const result = importTexts([text])
  assert.ok(result.ok)
  return result
}

test('a weak secret, a secret twice and limits without a secret are listed, and the rest is kept', () => {
  const result = imported(`
PORT = 443
USERS = {"weak": "00000000000000000000000000000001", "a": "${one}", "twin": "${one}"}
USER_MAX_TCP_CONNS = {"gone": 5}
`)
  assert.match(result.text, `USER1_NAME=a\nUSER1_SECRET=${one}\n`)
  assert.not.match(result.text, 'USER2')
  const whys = result.left.map(({ key, why }) => `${key} ${why}`).join('\n')
  assert.match(whys, /user weak the secret is easy to guess.*its links stop working/)
  assert.match(whys, /user twin is that of user a, too/)
  assert.match(whys, /user gone has limits, but no secret/)
})

test('names that are not allowed get one that is, and the list has both', () => {
  const result = imported(`PORT = 443\nUSERS = {"a/b:c": "${one}", "other": "${two}"}\n`)
  assert.match(result.text, /USER1_NAME=a-b-c\n[\s\S]*USER2_NAME=user1\n/)
  const renamed = result.left.filter(({ why }) => why.includes('is called'))
  assert.equal(
    renamed.map(({ key }) => key),
    ['user a/b:c', 'user other'],
  )
})

test('the list never shows a secret, a tag, a password or a login', () => {
  const texts = [
    `PORT = 443\nUSERS = {"a": "${one}x"}\nAD_TAG = "${tag}z"\nMY_KEY = "hunter2"\n`,
    `bind-to = ":443"\nsecret = "${one}"\n[network]\nproxies = ["socks5://me:hunter2@203.0.113.5:bad"]\n`,
    `mtproto-proxy -S ${one} --password hunter2 -P ${tag}00`,
    `SECRET=${one}\nSOCKS5_PROXY=socks5://me:hunter2@203.0.113.5\nMY_PASS=hunter2\n`,
  ]
  for (const text of texts) {
    const printed = JSON.stringify(imported(text).left)
    for (const secret of [one, tag, 'hunter2']) assert.not.ok(printed.includes(secret), printed)
  }
})

test('another file is refused with the formats that are known, and broken TOML with its place', () => {
  const refusal = (text: string): string => {
    const recognised = recognise(text)
    return recognised.ok ? '' : recognised.why
  }
  assert.match(refusal('hello world\n'), /give config.py of mtprotoproxy/)
  assert.match(refusal('[server]\nport = \n'), /is not valid TOML \(line 2/)
  assert.match(refusal(''), /not a configuration/)
})

test.run()
