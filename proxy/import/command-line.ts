import type { Draft } from './draft.ts'
import { splitPlace } from './places.ts'

// https://github.com/TelegramMessenger/MTProxy, mtproto-proxy --help; https://github.com/teleproxy/teleproxy, docs/

/** The words of a line as a shell splits it. A backslash at the end of a line joins the next one. */
export const shellWords = (line: string): string[] => {
  const words: string[] = []
  const part = /\\\r?\n|\s+|'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([\s\S])|([^\s'"\\]+)/gy
  let word: string | null = null
  for (let match = part.exec(line); match !== null; match = part.exec(line)) {
    const [whole, single, double, escaped, plain] = match
    const text = single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? plain
    if (text !== undefined) word = (word ?? '') + text
    else if (!whole.startsWith('\\') && word !== null) {
      words.push(word)
      word = null
    }
  }
  return word === null ? words : [...words, word]
}

type Take = (value: string, draft: Draft, key: string) => unknown
/** An option of these programs. `flag`: it has no value. */
type Option = { readonly names: readonly string[]; readonly flag?: true; readonly take: Take }

const skip: Take = () => {}
const leave =
  (why: string): Take =>
  (value, draft, key) =>
    draft.leave(key, value === '' ? null : value, why)
const set =
  (setting: string): Take =>
  (value, draft) =>
    draft.set(setting, value)

/** teleproxy writes a name and a limit of connections behind the secret: `SECRET:family:1000`. */
const secret: Take = (value, draft, key) => {
  const [text = '', label = '', limit = ''] = value.split(':')
  const name = label || `user${draft.users.size + 1}`
  draft.user(name, text, key)
  if (/^[1-9]\d*$/.test(limit)) draft.limit(name, 'MAX_CONNECTIONS', Number(limit))
}

/** `name`, or `name:port` of the site behind it. */
const domain: Take = (value, draft) => {
  const place = splitPlace(value)
  draft.domains.add(place === null ? value : place.host)
  if (place !== null) draft.set('MASK_PORT', place.port)
}

const natInfo: Take = (value, draft, key) => {
  const [, outside] = value.split(':')
  if (outside === undefined) draft.leave(key, value, 'is not LOCAL:GLOBAL')
  else draft.set('PUBLIC_HOST', outside)
}

const ports: Take = (value, draft) => {
  const [first = '', ...more] = value.split(',')
  draft.set('MTPROTO_PORT', first)
  if (more.length > 0) for (const port of [first, ...more]) draft.listen(`[::]:${port}`)
}

const balancer = leave(
  'takes the header from every address; write the networks of your balancer into PROXY_PROTOCOL_FROM',
)

const options: readonly Option[] = [
  { names: ['-S', '--mtproto-secret'], take: secret },
  { names: ['-P', '--proxy-tag'], take: set('AD_TAG') },
  { names: ['-H', '--http-ports'], take: ports },
  { names: ['-D', '--domain'], take: domain },
  { names: ['-R', '--random-padding-only'], flag: true, take: (_, draft) => draft.modes.add('secure') },
  { names: ['-M', '--slaves'], take: leave('WORKERS=auto runs one relay thread for each core') },
  { names: ['-C', '--max-special-connections'], take: set('MAX_CONNECTIONS') },
  { names: ['-W', '--window-clamp'], take: leave('buffers of the kernel grow by need') },
  { names: ['-T', '--ping-interval'], take: skip },
  {
    names: ['-c', '--connections'],
    take: leave('is a limit of one worker; MAX_CONNECTIONS holds for all threads'),
  },
  { names: ['-p', '--port'], take: set('METRICS_PORT') },
  {
    names: ['-u', '--user', '--username'],
    take: leave('the systemd unit and the container have a user of their own'),
  },
  { names: ['--aes-pwd'], take: skip },
  { names: ['-6', '--ipv6'], flag: true, take: skip },
  { names: ['-l', '--log'], take: leave('logs go to stderr; `mtscope events` prints events') },
  { names: ['-v', '--verbosity'], flag: true, take: skip },
  {
    names: ['-d', '--daemonize'],
    flag: true,
    take: leave('a supervisor runs it: `mtscope unit` prints a systemd unit'),
  },
  { names: ['-B', '--address', '--bind'], take: set('MTPROTO_HOST') },
  { names: ['-b', '--backlog'], take: skip },
  { names: ['--http-stats'], flag: true, take: skip },
  { names: ['--allow-skip-dh'], flag: true, take: skip },
  { names: ['--nat-info'], take: natInfo },
  {
    names: [
      '--nice',
      '--msg-buffers-size',
      '--max-dh-accept-rate',
      '--max-accept-rate',
      '--multithread',
      '--io-threads',
      '--cpu-threads',
      '--crc32c',
    ],
    take: skip,
  },
  { names: ['--direct'], flag: true, take: (_, draft) => draft.set('USE_MIDDLE_PROXY', false) },
  { names: ['--proxy-protocol'], flag: true, take: balancer },
  { names: ['--ip-blocklist'], take: set('BLOCK_LISTS') },
  { names: ['--ip-allowlist'], take: set('ALLOW_LISTS') },
  { names: ['--socks5'], take: set('UPSTREAMS') },
  { names: ['--stats-allow-net'], take: leave('METRICS_HOST decides who reaches /metrics') },
  { names: ['--dc-probe-interval'], take: set('PROBE_INTERVAL') },
  { names: ['--max-connections'], take: set('MAX_CONNECTIONS') },
]

const find = (name: string): Option | undefined => options.find(({ names }) => names.includes(name))

/** One word of options, as `-S`, `-Shex`, `--domain` and `--domain=name`. */
const split = (word: string): { name: string; value: string | null } => {
  const [, long = '', given] = /^(--[\w-]+)(?:=([\s\S]*))?$/.exec(word) ?? []
  if (long !== '') return { name: long, value: given ?? null }
  return { name: word.slice(0, 2), value: word.length > 2 ? word.slice(2) : null }
}

/** Arguments of the official mtproto-proxy or of teleproxy, without the program. */
export const importArguments = (words: readonly string[], draft: Draft): void => {
  const rest = [...words]
  // Settings of ours that the defaults of these programs decide.
  draft.set('USE_MIDDLE_PROXY', true)
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    // The file of middle proxies.
    if (!word.startsWith('-') || word === '-') continue
    const { name, value } = split(word)
    const option = find(name)
    if (option === undefined) draft.leave(word, null, 'is not an option that this import knows')
    else if (option.flag) option.take('', draft, name)
    else option.take(value ?? rest.shift() ?? '', draft, name)
  }
  if (draft.domains.size > 0) {
    draft.modes.clear()
    draft.modes.add('tls')
  } else if (!draft.modes.has('secure')) {
    draft.modes.add('classic')
    draft.modes.add('secure')
  }
}

/** The command of a line `ExecStart=` of a systemd unit, of a shell script or of `docker run`; null: there is none. */
export const commandIn = (text: string): string[] | null => {
  const joined = text.replace(/\\\r?\n/g, ' ')
  for (const line of joined.split('\n')) {
    const command = line.replace(/^\s*(?:ExecStart\s*=\s*[-+!@:]*|exec\s+|sudo\s+)?/, '')
    const words = shellWords(command)
    const at = words.findIndex((word) => /(?:^|\/)(?:mtproto-proxy|teleproxy)$/.test(word))
    if (at === 0) return words.slice(1)
  }
  return null
}
