import { randomBytes } from 'node:crypto'
import { connectClient } from '../kit/client/client.ts'
import { until } from '../until.ts'
import type { Stack } from './stack.ts'

type Link = { readonly port: number; readonly secret: string; readonly mode: 'secure' | 'tls' }

/** The links that the proxy has logged. */
export const linksOf = async ({ compose }: Stack): Promise<Link[]> =>
  [
    ...(await compose('logs', '--no-log-prefix', 'proxy')).matchAll(
      /tg:\/\/proxy\?server=\S+&port=(\d+)&secret=(dd|ee)([\da-f]{32})/g,
    ),
  ].map(([, port, mode, secret = '']) => ({
    port: Number(port),
    secret,
    mode: mode === 'ee' ? 'tls' : 'secure',
  }))

export const call = async (link: Link, dc: number): Promise<void> => {
  await using client = await connectClient({ ...link, dc })
  const sent = randomBytes(20_000)
  if (!(await client.echo(sent)).equals(sent)) throw new Error('the echo differs from the sent bytes')
  client.end()
  await client.closed
}

export const json = async (
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<unknown> => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer.json()
}

type Samples = { data: { result: { metric: Record<string, string>; value: [number, string] }[] } }
export const query = async ({ ports }: Stack, expr: string) => {
  const { data } = (await json(
    ports.prometheus,
    `/api/v1/query?query=${encodeURIComponent(expr)}`,
  )) as Samples
  return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
}

/** Number of ended connections in the state in Redis. */
export const inRedis = async ({ compose }: Stack): Promise<number> => {
  const cli = async (...args: string[]): Promise<string[]> =>
    (await compose('exec', '-T', 'redis', 'redis-cli', ...args)).trim().split('\n')
  let sum = 0
  for (const key of (await cli('--scan', '--pattern', 'mtscope:*:ever:0')).filter(Boolean))
    sum += Number((await cli('HGET', key, 'sessions'))[0] || 0)
  return sum
}

const inCollector = ({ compose }: Stack, ...args: string[]): Promise<string> =>
  compose('exec', '-T', 'collector', 'node', ...args)

/** Events of one type, from the events command in the collector's container. */
export const reported = async (stack: Stack, type: string): Promise<{ connection: string }[]> =>
  (await inCollector(stack, 'collector/commands/events.ts', '--from', '1h', '--type', type, '--json'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

export const verify = (stack: Stack): Promise<string> =>
  inCollector(stack, 'collector/commands/rebuild.ts', '--verify')

export const counted = (stack: Stack, sessions: number): Promise<unknown> =>
  until(async () => (await inRedis(stack)) === sessions, `${sessions} connections are in Redis`, 90_000)
