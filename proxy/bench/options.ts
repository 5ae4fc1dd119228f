import { parseArgs } from 'node:util'
import { type Peer, readSecret } from './peer.ts'

export const usage = `usage: mtscope bench [--quick] [--scale | --against COMMAND --port N --secret S [--datacenter-port N]]

Measures the cost of the proxy on this machine, in CPU and memory, against variants of it. npm run bench -- does the same.

  (no option)          all contestants in turn, three times; twelve minutes; writes proxy/bench/RESULTS.md
  --quick              once, with less work; two minutes; prints only
  --scale              100 to 9,500 open connections with 1, 2 and 4 threads; writes proxy/bench/SCALE.md and its plots
  --against COMMAND    “tuned” and “no telemetry” in turn with another proxy that COMMAND starts; prints only.
                       The shell runs it with $PORT, $SECRET and $DATACENTER_PORT; proxy/bench/README.md has examples
  --port N             where that proxy listens
  --secret S           its secret: 32 hex digits for dd and ee, or dd… or ee… for one of them
  --datacenter-port N  where the datacenter listens, on all IPv4 addresses; default: a free port of 127.0.0.1
`

export type Options = {
  readonly quick: boolean
  readonly scale: boolean
  readonly peer: Peer | null
  /** 0 for any. */
  readonly datacenterPort: number
}

const isPort = (word: string): boolean =>
  /^\d{1,5}$/.test(word) && Number(word) >= 1 && Number(word) <= 65_535

/** The options, 'help', or what is wrong with the arguments. */
export const readOptions = (args: readonly string[]): Options | 'help' | { readonly mistake: string } => {
  let values: ReturnType<typeof parse>
  try {
    values = parse(args)
  } catch (error) {
    return { mistake: (error as Error).message }
  }
  if (values.help) return 'help'
  const { against, port, secret, quick = false, scale = false, 'datacenter-port': datacenterPort } = values
  const given = [against, port, secret].filter((value) => value !== undefined).length
  if (given !== 0 && given !== 3) return { mistake: '--against, --port and --secret need each other' }
  if (scale && given > 0) return { mistake: '--scale measures no other proxy: leave out --against' }
  for (const [name, value] of Object.entries({ port, 'datacenter-port': datacenterPort }))
    if (value !== undefined && !isPort(value))
      return { mistake: `--${name} ${value}: not a port from 1 to 65535` }
  if (secret !== undefined && !readSecret(secret))
    return { mistake: '--secret: not 32 hex digits, nor dd and 32, nor ee and 32 and a domain in hex' }
  const peer =
    against !== undefined && port && secret ? { command: against, port: Number(port), secret } : null
  return { quick, scale, peer, datacenterPort: Number(datacenterPort ?? 0) }
}

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      quick: { type: 'boolean' },
      scale: { type: 'boolean' },
      against: { type: 'string' },
      port: { type: 'string' },
      secret: { type: 'string' },
      'datacenter-port': { type: 'string' },
    },
  }).values
