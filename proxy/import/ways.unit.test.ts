import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { importTexts } from './import-text.ts'

const one = 'd6b1f0a9c87e4523901fbad24c6e7318'
const tag = '8a5d3c1fe27b40964fb0d1827c6e9a35'

const imported = (text: string) => {
  const result = importTexts([text])
  assert.ok(result.ok)
  return result
}

const linesOf = (text: string): string[] => imported(text).text.trim().split('\n')
const has = (text: string, ...expected: string[]): void => {
  const lines = linesOf(text)
  for (const line of expected) assert.ok(lines.includes(line), `${line} is missing in\n${lines.join('\n')}`)
}

test('advertising mode, SOCKS5 and the preferred family of mtprotoproxy', () => {
  has(
    `PORT = 443\nUSERS = {"a": "${one}"}\nAD_TAG = "${tag}"\nPREFER_IPV6 = True\nSOCKS5_HOST = "198.51.100.4"\nSOCKS5_PORT = 1080\nSOCKS5_USER = "me"\nSOCKS5_PASS = "p@ss"\n`,
    `AD_TAG=${tag}`,
    'USE_MIDDLE_PROXY=true',
    'PREFER_IPV6=yes',
    'UPSTREAMS=socks5://me:p%40ss@198.51.100.4:1080',
  )
})

test('a Unix socket of mtprotoproxy comes in addition to its port', () => {
  has(
    `PORT = 443\nUSERS = {"a": "${one}"}\nLISTEN_UNIX_SOCK = "/run/mtscope.sock"\n`,
    'LISTEN=unix:/run/mtscope.sock,[::]:443',
  )
})

test('domains, masking and upstreams of telemt', () => {
  has(
    `[server]\nport = 443\n[[server.listeners]]\nip = "0.0.0.0"\nannounce = "proxy.example.com"\n[[server.listeners]]\nip = "::"\n[censorship]\ntls_domain = "a.example.com"\ntls_domains = ["b.example.com"]\nmask_unix_sock = "/run/nginx.sock"\nmask_proxy_protocol = 2\n[access.users]\na = "${one}"\n[access.user_ad_tags]\na = "${tag}"\n[[upstreams]]\ntype = "direct"\nweight = 1\ninterface = "192.0.2.7"\n[[upstreams]]\ntype = "socks5"\naddress = "198.51.100.4:1080"\nusername = "u"\npassword = "p"\nweight = 2\n`,
    'MTPROTO_HOST=::',
    'MTPROTO_PORT=443',
    'PUBLIC_HOST=proxy.example.com',
    'TLS_DOMAIN=a.example.com,b.example.com',
    'MASK_HOST=unix:/run/nginx.sock',
    'MASK_PROXY_PROTOCOL=all',
    'UPSTREAMS=bind:192.0.2.7?weight=1,socks5://u:p@198.51.100.4:1080?weight=2',
    `USER1_AD_TAG=${tag}`,
    'USE_MIDDLE_PROXY=true',
  )
})

test('lists, proxies and fronting of mtg', () => {
  const secret = `ee${one}${Buffer.from('a.example.com').toString('hex')}`
  has(
    `secret = "${secret}"\nbind-to = "0.0.0.0:443"\nprefer-ip = "only-ipv6"\n[domain-fronting]\nip = "203.0.113.9"\nproxy-protocol = true\n[network]\nproxies = ["", "socks5://198.51.100.4:1080?open_threshold=5"]\n[defense.blocklist]\nenabled = true\nurls = ["https://a.example/x", "https://b.example/y"]\n[defense.allowlist]\nenabled = false\nurls = ["https://a.example/z"]\n`,
    'PREFER_IPV6=only',
    'MASK_HOST=203.0.113.9',
    'MASK_PROXY_PROTOCOL=all',
    'UPSTREAMS=direct?weight=1,socks5://198.51.100.4:1080?weight=1',
    'BLOCK_LISTS=https://a.example/x,https://b.example/y',
  )
})

test('domains with their sites, lists and SOCKS5 of teleproxy, in its TOML and its environment', () => {
  has(
    `port = 443\nip_blocklist = "/etc/blocked.txt"\nsocks5 = "socks5://u:p@198.51.100.4:1080"\ndrain_timeout_secs = 300\n[[secret]]\nkey = "${one}"\n[[domain]]\nname = "a.example.com"\nbackend = "203.0.113.9:9090"\n[[domain]]\nname = "b.example.com"\nbackend = "unix:/run/b.sock"\n`,
    'BLOCK_LISTS=/etc/blocked.txt',
    'UPSTREAMS=socks5://u:p@198.51.100.4:1080',
    'DRAIN_SECONDS=300',
    'TLS_DOMAIN=a.example.com,b.example.com',
    'MASK_HOSTS=a.example.com=203.0.113.9:9090,b.example.com=unix:/run/b.sock',
  )
  has(
    `SECRET=${one}\nEE_DOMAIN=a.example.com\nEE_BACKEND=127.0.0.1:8443\nIP_ALLOWLIST=/etc/allowed.txt\n`,
    'MASK_HOST=127.0.0.1',
    'MASK_PORT=8443',
    'ALLOW_LISTS=/etc/allowed.txt',
  )
})

test.run()
