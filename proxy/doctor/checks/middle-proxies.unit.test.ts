import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout, exampleFolder, verdictsOf } from '../../../compose/test/kit/examples/doctor-example.ts'
import { keepDocuments } from '../../middle-proxy/kept.ts'
import type { LinkAddress } from '../../users/public-address.ts'
import { documents, judgeAddress, passiveMiddleProxiesCheck } from './middle-proxies.ts'

const hourMs = 3_600_000
const echo = (host: string): LinkAddress => ({ host, from: 'echo' })
const local: LinkAddress = { host: '10.0.0.1', from: 'local', why: 'does not answer' }

const addressOf = (publicHost: string | null, found: LinkAddress, socket: string | null = '10.0.0.1') => {
  const { verdict, advice } = judgeAddress({ publicHost, found, socket })
  return [verdict, advice ?? '']
}

test('the address in the keys must be one that Telegram sees', () => {
  assert.is(addressOf('198.51.100.7', echo('198.51.100.7'))[0], 'ok')
  assert.is(addressOf(null, echo('198.51.100.7'))[0], 'ok')
  assert.is(addressOf('proxy.example.com', echo('198.51.100.7'))[0], 'ok')
  assert.is(addressOf('198.51.100.7', local)[0], 'ok')
  assert.is(addressOf(null, local, '198.51.100.7')[0], 'ok')
  assert.is(addressOf(null, local, null)[0], 'ok')
  assert.equal(addressOf(null, local), ['fail', 'set PUBLIC_HOST=the public address of this host'])
  assert.equal(addressOf('10.1.2.3', echo('198.51.100.7')), ['fail', 'set PUBLIC_HOST=198.51.100.7'])
  assert.is(addressOf('203.0.113.1', echo('198.51.100.7'))[0], 'warn')
})

const checked = (dataDir: string, now: number) =>
  verdictsOf(documents({ config: exampleAbout({ DATA_DIR: dataDir }).config, now: () => now }))

test('what has been downloaded has an age, and what has not is a warning', () => {
  using folder = exampleFolder()
  assert.equal(checked(folder.path, 0), {
    'middle-proxies.config': 'warn',
    'middle-proxies.config-v6': 'note',
    'middle-proxies.secret': 'warn',
  })
  const url = 'https://core.telegram.org/getProxy'
  keepDocuments(
    folder.path,
    new Map([
      ['config', { at: 0, url: `${url}Config`, bytes: Buffer.from('x') }],
      ['config-v6', { at: 0, url: 'https://elsewhere.test/', bytes: Buffer.from('x') }],
      ['secret', { at: 0, url: `${url}Secret`, bytes: randomBytes(128) }],
    ]),
  )
  const fresh = {
    'middle-proxies.config': 'ok',
    'middle-proxies.config-v6': 'note',
    'middle-proxies.secret': 'ok',
  }
  assert.equal(checked(folder.path, hourMs), fresh)
  assert.equal(checked(folder.path, 24 * hourMs), { ...fresh, 'middle-proxies.config': 'warn' })
  assert.is(checked(folder.path, 73 * hourMs)['middle-proxies.secret'], 'warn')
})

test('a file that cannot be read is a finding of its own', () => {
  using folder = exampleFolder({ 'middle-proxies.json': '{' })
  assert.is(checked(folder.path, 0)['middle-proxies.file'], 'warn')
})

test('without USE_MIDDLE_PROXY there is no finding', async () => {
  const about = { ...exampleAbout(), signal: new AbortController().signal }
  assert.equal(await passiveMiddleProxiesCheck(about), [])
})

test.run()
