import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addressesOf,
  addressOf,
  addressText,
  entriesOf,
  idsOf,
  isTelegrams,
  type Preference,
  preferred,
  readDirectory,
  reserveOf,
  telegram,
  withTestDatacenters,
} from './directory.ts'

const read = (text: string) => {
  const reading = readDirectory(text)
  if (!reading.ok) throw new Error(reading.mistakes.join('; '))
  return reading.directory
}

const mistakesOf = (text: string): string => {
  const reading = readDirectory(text)
  return reading.ok ? '' : reading.mistakes.join('; ')
}

test('the built-in table has every datacenter, both families and media', () => {
  assert.equal(idsOf(telegram), [1, 2, 3, 4, 5, 203])
  for (const id of [1, 2, 3, 4, 5, 203]) {
    const families = new Set(addressesOf(telegram, id, false).map((address) => address.family))
    assert.equal([...families].sort(), ['ipv4', 'ipv6'])
  }
  assert.equal(addressesOf(telegram, 2, true).map(addressText), [
    '149.154.167.151:443',
    '149.154.167.222:443',
  ])
})

test('test datacenters join a directory that has none of its own', () => {
  const all = withTestDatacenters(telegram)
  assert.equal(idsOf(all), [1, 2, 3, 4, 5, 203, 10001, 10002, 10003])
  assert.ok(isTelegrams(all))
  assert.equal(addressesOf(all, 10002, true), addressesOf(all, 10002, false))
  const own = withTestDatacenters(read('2=10.0.0.2:443,10002=10.0.0.3:443'))
  assert.equal(addressesOf(own, 10002, false).map(addressText), ['10.0.0.3:443'])
  assert.not.ok(isTelegrams(own))
})

test('media without own addresses uses the plain datacenter', () => {
  assert.equal(addressesOf(telegram, 5, true), addressesOf(telegram, 5, false))
})

test('an unknown datacenter has no addresses', () => {
  assert.equal(addressesOf(telegram, 77, false), [])
  assert.equal(addressesOf(telegram, 0, true), [])
})

test('a repeated number adds an address; IPv6 is in brackets', () => {
  const directory = read('1=10.0.0.1:443, 2=dc.example:8443,-2=10.0.0.3:80,2=[::1]:443')
  assert.equal(addressesOf(directory, 2, false), [
    { host: 'dc.example', port: 8443, family: 'ipv4' },
    { host: '::1', port: 443, family: 'ipv6' },
  ])
  assert.equal(addressesOf(directory, 2, false).map(addressText), ['dc.example:8443', '[::1]:443'])
  assert.equal(entriesOf(directory), [
    { dc: 1, media: false },
    { dc: 2, media: false },
    { dc: 2, media: true },
  ])
})

test('every mistake is reported', () => {
  const reported = mistakesOf('0=a:1,2=a:0,3=1.2.3.999:443,4=[1.2.3.4]:443,x,5=b:443,40000=c:1,-6=d:1')
  for (const part of [
    '"0"',
    'datacenter 2',
    '1.2.3.999',
    '"1.2.3.4"',
    '"x"',
    '"40000"',
    'media of datacenter 6',
  ]) {
    assert.ok(reported.includes(part), `${part} in ${reported}`)
  }
  assert.match(mistakesOf(' , '), 'names no datacenter')
})

test('any written directory is read back', () => {
  const id = fc.integer({ min: 1, max: 32_767 })
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain())
  const port = fc.integer({ min: 1, max: 65_535 })
  fc.assert(
    fc.property(id, host, port, (id, host, port) => {
      const address = { host, port, family: host.includes(':') ? ('ipv6' as const) : ('ipv4' as const) }
      assert.equal(addressesOf(read(`${id}=${addressText(address)}`), id, false), [address])
    }),
  )
})

test('no text makes it throw', () => {
  const piece = fc.constantFrom('=', ':', ',', '[', ']', '-', '2', '1.1', 'a.b', '\u0000', ' ')
  const noise = fc.oneof(
    fc.string(),
    fc.array(piece).map((pieces) => pieces.join('')),
  )
  fc.assert(fc.property(noise, (text) => typeof readDirectory(text).ok === 'boolean'))
})

test('media with own addresses falls back to the plain datacenter, in both families', () => {
  assert.equal(reserveOf(telegram, 2, true), addressesOf(telegram, 2, false))
  assert.equal(new Set(reserveOf(telegram, -4, true).map(({ family }) => family)).size, 2)
  assert.equal(reserveOf(telegram, 2, false), [])
  // These were dialed first.
  assert.equal(reserveOf(telegram, 5, true), [])
})

test('PREFER_IPV6 orders the families of each datacenter, and only leaves IPv4 out', () => {
  const [four, six] = [addressOf('192.0.2.1', 443), addressOf('2001:db8::1', 443)]
  const directory = new Map([
    [2, [four, six]],
    [3, [six, four]],
    [4, [four]],
  ])
  const of = (preference: Preference) => [...preferred(directory, preference).values()]
  assert.equal(of('auto'), [[four, six], [six, four], [four]])
  assert.equal(of('yes'), [[six, four], [six, four], [four]])
  assert.equal(of('no'), [[four, six], [four, six], [four]])
  assert.equal(of('only'), [[six], [six], []])
})

test.run()
