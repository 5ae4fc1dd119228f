import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runs } from '../../compose/test/kit/runs.ts'
import { type Config, type Environment, readConfig } from './config.ts'
import { writtenPorts } from './listening.ts'

const host = { cores: 2, name: 'box' }

const listenersOf = (env: Environment): Config['listeners'] => {
  const reading = readConfig(env, '', host)
  if (!reading.ok) throw new Error(reading.mistakes.join('\n'))
  return reading.config.listeners
}

/** The one mistake of these settings contains `parts`. */
const refuses = (env: Environment, ...parts: string[]): void => {
  const reading = readConfig(env, '', host)
  const mistakes = reading.ok ? [] : reading.mistakes
  assert.is(mistakes.length, 1, `${JSON.stringify(env)}: ${mistakes.join('\n')}`)
  for (const part of parts) assert.ok(mistakes[0]?.includes(part), `${mistakes[0]} should contain ${part}`)
}

test('without LISTEN there is one listener without a name', () => {
  const [only, ...others] = listenersOf({
    MTPROTO_PORT: '443',
    MTPROTO_HOST: '192.0.2.1',
    PUBLIC_PORT: '8443',
  })
  assert.equal(others, [])
  assert.equal(only, {
    at: { host: '192.0.2.1', port: 443 },
    name: null,
    modes: ['secure', 'tls'],
    domains: ['www.cloudflare.com'],
    proxyProtocolFrom: null,
    publicHost: null,
    publicPort: 8443,
  })
})

test('LISTEN has ports, a Unix socket and sockets of systemd, each with its options', () => {
  const listeners = listenersOf({
    LISTEN:
      '0.0.0.0:443,[::1]:8443?modes=classic+tls&domain=b.example&public-host=p.example&public-port=443&name=v6,unix:/run/m.sock?mode=600&proxy-protocol=on,systemd:web',
    TLS_DOMAIN: 'a.example,b.example',
    MODES: 'secure',
  })
  assert.equal(
    listeners.map(({ at, name }) => [name, at]),
    [
      ['0.0.0.0:443', { host: '0.0.0.0', port: 443 }],
      ['v6', { host: '::1', port: 8443 }],
      ['unix:/run/m.sock', { path: '/run/m.sock', mode: 0o600 }],
      ['systemd:web', { inherited: 'web' }],
    ],
  )
  const [first, second, third] = listeners
  assert.equal([first?.modes, first?.domains], [['secure'], ['a.example', 'b.example']])
  assert.equal([second?.modes, second?.domains], [['classic', 'tls'], ['b.example']])
  assert.equal([second?.publicHost, second?.publicPort], ['p.example', 443])
  assert.equal(third?.proxyProtocolFrom, ['127.0.0.1'])
})

test('PROXY_PROTOCOL_FROM is for all listeners that have no proxy-protocol of their own', () => {
  const listeners = listenersOf({
    LISTEN: '[::]:1,[::]:2?proxy-protocol=off,[::]:3?proxy-protocol=192.0.2.0/24+2001:db8::1,unix:/s',
    PROXY_PROTOCOL_FROM: '10.0.0.0/8, ::1',
  })
  assert.equal(
    listeners.map(({ proxyProtocolFrom }) => proxyProtocolFrom),
    [['10.0.0.0/8', '::1'], null, ['192.0.2.0/24', '2001:db8::1'], ['127.0.0.1']],
  )
})

test('a wrong listener is refused with what to write instead', () => {
  const wrong = (LISTEN: string, ...parts: string[]): void => refuses({ LISTEN }, ...parts)
  wrong('443', '443', 'must be ADDRESS:PORT')
  wrong('proxy.example:443', 'must be ADDRESS:PORT')
  wrong('::443', 'must be ADDRESS:PORT')
  wrong('1.2.3.4:70000', 'must be ADDRESS:PORT')
  wrong('unix:run/m.sock', 'whole path')
  wrong(`unix:/${'x'.repeat(120)}`, 'path of 121 bytes', '107')
  wrong('systemd:a b', 'FileDescriptorName')
  wrong('[::]:443?mode=0660', 'mode, which only unix: has')
  wrong('unix:/s?mode=rw', 'permissions such as 0660')
  wrong('[::]:443?colour=red', 'option colour')
  wrong('[::]:443?modes=tls&modes=secure', 'twice')
  wrong('[::]:443?modes=fast', 'modes=fast', 'classic, secure, tls')
  wrong('[::]:443?proxy-protocol=yes', 'on, off, or networks')
  wrong('[::]:443?domain=', 'must be names')
  wrong('[::]:443?name=a b', 'letters, digits')
})

test('listeners that overlap, and names that two have, are refused', () => {
  refuses({ LISTEN: '0.0.0.0:443,[::]:443' }, '0.0.0.0:443 and [::]:443', 'overlap')
  refuses({ LISTEN: '127.0.0.1:443,[::]:443' }, 'overlap')
  refuses({ LISTEN: 'unix:/s,unix:/s?name=b' }, 'overlap')
  refuses({ LISTEN: 'systemd,systemd:web' }, 'overlap')
  refuses({ LISTEN: '[::]:1?name=a,[::]:2?name=a' }, 'name a twice')
  assert.is(listenersOf({ LISTEN: '127.0.0.1:443,192.0.2.1:443' }).length, 2)
})

test('a listener whose port the settings lack has none in links', () => {
  const listeners = listenersOf({ LISTEN: '[::]:443,[::]:0,unix:/s,systemd' })
  assert.equal(writtenPorts(listeners), [443, null, null, null])
})

test('settings that clash with LISTEN are refused', () => {
  refuses({ LISTEN: '[::]:443', MTPROTO_PORT: '444' }, 'MTPROTO_PORT')
  refuses({ LISTEN: '[::]:9464' }, 'METRICS_PORT')
  refuses({ LISTEN: '[::]:443?domain=other.example' }, 'domain=other.example', 'TLS_DOMAIN lacks')
  refuses({ LISTEN: '[::]:443?proxy-protocol=on' }, 'PROXY_PROTOCOL_FROM')
  refuses({ LISTEN: '[::]:443?modes=tls', TLS_DOMAIN: '', MODES: 'secure' }, 'TLS_DOMAIN is empty')
  refuses({ LISTEN: '[::]:443', MASK_HOST: '127.0.0.1' }, 'this proxy itself')
  refuses({ CLIENT_MSS: '536', PORTABLE_RELAY: 'true' }, 'CLIENT_MSS=536', 'PORTABLE_RELAY')
  refuses({ CLIENT_MSS: '10' }, 'CLIENT_MSS=10', '88')
  refuses({ PROXY_PROTOCOL_FROM: '10.0.0.0/33' }, 'PROXY_PROTOCOL_FROM=10.0.0.0/33')
})

test('no text of LISTEN throws', () => {
  const piece = fc.constantFrom(
    '[::]',
    '1.2.3.4',
    ':',
    '443',
    'unix:',
    '/s',
    'systemd',
    '?',
    '&',
    '=',
    ',',
    'mode',
    '+',
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
  )
  fc.assert(
    fc.property(text, (LISTEN) => {
      const reading = readConfig({ LISTEN }, '', host)
      if (reading.ok) assert.ok(reading.config.listeners.length > 0)
      else assert.ok(reading.mistakes.length > 0)
    }),
    { numRuns: runs(300) },
  )
})

test.run()
