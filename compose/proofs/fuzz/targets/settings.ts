import { readConfig } from '../../../../proxy/config/config.ts'
import { settings as table } from '../../../../proxy/config/settings.ts'
import { mutated, type Random } from '../random.ts'
import { promise, type Target } from '../target.ts'

const names = Object.keys(table)
const secretNames = Object.entries(table)
  .filter(([, setting]) => 'secret' in setting && setting.secret)
  .map(([name]) => name)
const host = { name: 'host', cores: 2 }
/** In values of secret settings only. */
const hidden = 'HIDDEN7f3a'

const values = [
  ...[
    '',
    '0',
    '1',
    '-1',
    '443',
    '65536',
    '1e9',
    '0x10',
    ' 5 ',
    '5s',
    '10m',
    '1d',
    '1h30m',
    '64k',
    '1g',
    'auto',
  ],
  ...['off', 'none', 'true', 'yes', 'TRUE', '::', '127.0.0.1', '[::1]:443', 'a.test', 'a.test:443,b.test'],
  ...['tls', 'classic,secure,tls', 'tls,tls', '2=127.0.0.1:443', '2=[::1]:443;3=a.test:1', 'redis://h:1/0'],
  ...[
    'rediss://u:p@h',
    'https://x.test/',
    'http://[',
    'xn--',
    'ü.test',
    '\u0000',
    '../..',
    '%s',
    '$HOME',
    '*',
  ],
  'a'.repeat(300),
  '9'.repeat(400),
]
const secrets = [
  '00112233445566778899aabbccddeeff',
  hidden,
  `https://u:${hidden}@x.test/hook`,
  `redis://u:${hidden}@h:1`,
  `dd${hidden}`,
  'ee00112233445566778899aabbccddeeff612e74657374',
]

const line = (random: Random): string => {
  const isSecret = random.oneIn(3)
  const name = isSecret
    ? random.one([...secretNames, 'USER1_SECRET', 'USER2_SECRET', 'USER03_SECRET'])
    : random.one([...names, 'USER1_NAME', 'USER2_NAME', 'OTEL_SERVICE_NAME', 'UNKNOWN', '__proto__'])
  const value = isSecret && random.oneIn(2) ? random.one(secrets) : random.one(values)
  const quote = random.one(['', '', '', '"', "'"])
  return `${random.oneIn(20) ? 'export ' : ''}${name}=${quote}${value}${random.oneIn(20) ? '' : quote}`
}

/** Names of settings whose value holds the hidden word although it may be shown. */
const shownLines = new RegExp(
  `^\\s*(?:export\\s+)?(${names.filter((name) => !secretNames.includes(name)).join('|')})\\s*=[^\\n]*${hidden}`,
  'm',
)

/** Input: the text of a .env file. The first byte decides whether it is read as one, or as the environment. */
export const settings: Target = {
  name: 'settings',
  share: 130_000,
  open: () => ({
    make: (random) => {
      const lines = Array.from({ length: random.below(8) }, () => line(random))
      const bytes = Buffer.from(lines.join(random.one(['\n', '\r\n', '\n\n# x\n'])))
      return Buffer.concat([random.bytes(1), random.oneIn(3) ? mutated(bytes, random) : bytes])
    },
    run: (input) => {
      const text = input.subarray(1).toString()
      const isFile = (input[0] ?? 0) % 2 === 0
      const env = Object.fromEntries(
        text.split(/\r?\n/).map((one) => {
          const [name = '', ...value] = one.split('=')
          return [name, value.join('=')]
        }),
      )
      const read = isFile ? readConfig({}, text, host) : readConfig(env, '', host)
      if (read.ok) return 'read'
      promise(read.mistakes.length > 0, 'refused without a reason')
      for (const mistake of read.mistakes) {
        promise(typeof mistake === 'string' && mistake !== '', 'a mistake without text')
        // biome-ignore lint/suspicious/noControlCharactersInRegex: an operator's terminal must not get them.
        promise(!/[\u0000-\u0008\u000a-\u001f\u007f]/.test(mistake), 'a control character in a mistake')
        promise(!mistake.includes(hidden) || shownLines.test(text), 'a secret in a mistake')
      }
      const [first = ''] = read.mistakes
      return `${isFile ? 'file' : 'environment'}: ${/[A-Z][A-Z0-9_]{3,}/.exec(first)?.[0] ?? 'line'}`
    },
  }),
}
