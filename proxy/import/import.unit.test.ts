import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readConfig } from '../config/config.ts'
import { importTexts } from './import-text.ts'

const one = 'd6b1f0a9c87e4523901fbad24c6e7318'
const two = '3f9c07be51d24a86b7e0c4912ad5f863'
const domainHex = Buffer.from('www.example.com').toString('hex')

const imported = (text: string) => {
  const result = importTexts([text])
  assert.ok(result.ok, result.ok ? '' : result.why)
  const { text: env, mistakes, programs, left } = result
  assert.equal(mistakes, [])
  const reading = readConfig({}, env)
  assert.ok(reading.ok)
  const lines = Object.fromEntries(
    env
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  )
  return { program: programs[0], lines, left, config: reading.config }
}

const leftKeys = ({ left }: ReturnType<typeof imported>): string[] => left.map(({ key }) => key)

test('mtprotoproxy: port, users, modes, domain, limits', () => {
  const result = imported(`
PORT = 8443
USERS = {"anna": "${one}", "bo b": "${two}"}
MODES = {"classic": False, "secure": True, "tls": True}
TLS_DOMAIN = "www.example.com"
USER_MAX_TCP_CONNS = {"anna": 20}
USER_EXPIRATIONS = {"bo b": "5/1/2031"}
USER_DATA_QUOTA = {"bo b": 5 * 1024 ** 3}
MASK_HOST = "203.0.113.9"
STATS_PRINT_PERIOD = 600
`)
  assert.is(result.program, 'mtprotoproxy')
  assert.equal(result.lines, {
    MTPROTO_PORT: '8443',
    MASK_HOST: '203.0.113.9',
    MODES: 'secure,tls',
    TLS_DOMAIN: 'www.example.com',
    USER1_NAME: 'anna',
    USER1_SECRET: one,
    USER1_MAX_CONNECTIONS: '20',
    USER2_NAME: '"bo b"',
    USER2_SECRET: two,
    USER2_EXPIRES: '2031-01-05',
    USER2_QUOTA_TOTAL: String(5 * 1024 ** 3),
  })
  assert.equal(leftKeys(result), ['STATS_PRINT_PERIOD', 'TLS_DOMAIN'])
})

test('mtprotoproxy without MODES allows every mode, and TLS_ONLY only tls', () => {
  const base = `PORT = 443\nUSERS = {"a": "${one}"}\n`
  assert.is(imported(base).lines.MODES, 'classic,secure,tls')
  assert.is(imported(`${base}TLS_ONLY = True\n`).lines.MODES, 'tls')
  assert.is(imported(`${base}SECURE_ONLY = True\n`).lines.MODES, 'secure,tls')
})

test('mtg: the secret in hex and in base64 gives the same user and domain', () => {
  const ee = `ee${one}${domainHex}`
  for (const secret of [
    ee,
    Buffer.from(ee, 'hex').toString('base64url'),
    Buffer.from(ee, 'hex').toString('base64'),
  ]) {
    const { lines, program } = imported(
      `secret = "${secret}"\nbind-to = "[::]:3128"\n[network.timeout]\nidle = "1m30s"\n`,
    )
    assert.is(program, 'mtg')
    assert.equal(lines, {
      MTPROTO_PORT: '3128',
      MTPROTO_HOST: '::',
      IDLE_TIMEOUT: '90',
      MODES: 'tls',
      TLS_DOMAIN: 'www.example.com',
      USER1_NAME: 'user1',
      USER1_SECRET: one,
    })
  }
})

test('telemt: users with their limits', () => {
  const result = imported(`
[general]
use_middle_proxy = false
[general.modes]
classic = false
secure = true
tls = true
[server]
port = 8443
max_connections = 500
[censorship]
tls_domain = "www.example.com"
mask = false
[access.users]
anna = "${one}"
[access.user_max_tcp_conns]
anna = 16
[access.user_expirations]
anna = "2031-01-05T00:00:00Z"
[access.user_data_quota]
anna = 1073741824
[access.user_max_unique_ips]
anna = 4
`)
  assert.is(result.program, 'telemt')
  assert.equal(result.lines, {
    MTPROTO_PORT: '8443',
    MAX_CONNECTIONS: '500',
    MASK_HOST: 'off',
    MODES: 'secure,tls',
    TLS_DOMAIN: 'www.example.com',
    USER1_NAME: 'anna',
    USER1_SECRET: one,
    USER1_MAX_CONNECTIONS: '16',
    USER1_EXPIRES: '2031-01-05T00:00:00Z',
    USER1_QUOTA_TOTAL: '1073741824',
    USER1_MAX_IPS: '4',
  })
})

test('telemt: dates of TOML are dates', () => {
  const text = `[access.users]\na = "${one}"\n[access.user_expirations]\na = 2031-01-05T00:00:00Z\n`
  assert.is(imported(text).config.users[0]?.limits.expiresAt, Date.UTC(2031, 0, 5))
})

test('the official proxy: a systemd unit, a shell script and the bare command give the same', () => {
  const command = `/opt/MTProxy/mtproto-proxy -u proxy -p 8888 -H 8443 -S ${one} -S ${two} --aes-pwd proxy-secret proxy-multi.conf -M 1 --nat-info 10.0.0.3:203.0.113.7`
  const expected = {
    METRICS_PORT: '8888',
    MTPROTO_PORT: '8443',
    PUBLIC_HOST: '203.0.113.7',
    MODES: 'classic,secure',
    USER1_NAME: 'user1',
    USER1_SECRET: one,
    USER2_NAME: 'user2',
    USER2_SECRET: two,
  }
  for (const text of [
    command,
    `[Unit]\nDescription=x\n[Service]\nExecStart=${command}\nRestart=on-failure\n`,
    `#!/bin/sh\ncd /opt\nexec ${command.replaceAll(' -S', ' \\\n  -S')}\n`,
  ]) {
    assert.equal(imported(text).lines, expected)
  }
})

test('the official proxy with a domain allows tls alone', () => {
  const { lines } = imported(`./mtproto-proxy -H 443 -S ${one} -D www.example.com proxy-multi.conf`)
  assert.is(lines.MODES, 'tls')
  assert.is(lines.TLS_DOMAIN, 'www.example.com')
})

test('teleproxy: labels and limits behind a secret of the command line', () => {
  const { config } = imported(`teleproxy -H 443 -S ${one}:family:1000 -S ${two}::20 --direct`)
  assert.equal(
    config.users.map(({ name, limits }) => [name, limits]),
    [
      ['family', { maxConnections: 1000 }],
      ['user2', { maxConnections: 20 }],
    ],
  )
})

test('teleproxy: its TOML', () => {
  const { lines, program } = imported(`
port = 443
stats_port = 8888
direct = true
domain = ["www.example.com"]
[[secret]]
key = "${one}"
label = "family"
limit = 50
quota = "5G"
rate_limit = "2M"
max_ips = 3
expires = 2031-01-05T00:00:00Z
[[secret]]
key = "${two}"
limit = 0
`)
  assert.is(program, 'teleproxy')
  assert.equal(lines, {
    MTPROTO_PORT: '443',
    METRICS_PORT: '8888',
    MODES: 'tls',
    TLS_DOMAIN: 'www.example.com',
    USER1_NAME: 'family',
    USER1_SECRET: one,
    USER1_MAX_CONNECTIONS: '50',
    USER1_QUOTA_TOTAL: '5G',
    USER1_RATE_DOWN: '2M',
    USER1_MAX_IPS: '3',
    USER1_EXPIRES: '2031-01-05T00:00:00.000Z',
    USER2_NAME: 'user2',
    USER2_SECRET: two,
  })
})

test('the environment of an image: as lines, in docker run and in a compose file', () => {
  const expected = {
    MTPROTO_PORT: '443',
    MODES: 'classic,secure',
    USER1_NAME: 'user1',
    USER1_SECRET: one,
    USER2_NAME: 'user2',
    USER2_SECRET: two,
  }
  for (const text of [
    `SECRET=${one},${two}\nWORKERS=2\n`,
    `docker run -d -p443:443 \\\n  -e SECRET=${one},${two} --env=WORKERS=2 telegrammessenger/proxy:latest\n`,
    `services:\n  proxy:\n    environment:\n      SECRET: "${one},${two}"\n      WORKERS: 2\n`,
    `services:\n  proxy:\n    environment:\n      - SECRET=${one},${two}\n      - WORKERS=2\n`,
  ]) {
    const { lines, program } = imported(text)
    assert.is(program, 'image')
    assert.equal(lines, expected)
  }
})

test('numbered secrets have their labels and limits', () => {
  const { config } = imported(
    `SECRET_1=${one}\nSECRET_LABEL_1=family\nSECRET_MAX_IPS_1=3\nSECRET_2=${two}\nEE_DOMAIN=www.example.com\n`,
  )
  assert.equal(
    config.users.map(({ name, limits }) => [name, limits]),
    [
      ['family', { maxAddresses: 3 }],
      ['user2', {}],
    ],
  )
  assert.equal(config.modes, ['tls'])
})

test.run()
