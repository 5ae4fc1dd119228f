import type { Config } from '../../config/config.ts'
import type { Address } from '../../datacenter/directory.ts'
import { type Probe, probe } from '../../datacenter/res-pq.ts'
import { dialable, lookUpAll, namesOf } from '../../datacenter/resolve.ts'
import { isReady, serves } from '../../datacenter/upstream.ts'
import { resolveUpstream, type UpstreamSetting, upstreamText } from '../../datacenter/upstream-resolve.ts'
import type { UpstreamError } from '../../events/contract.ts'
import { testDatacenters } from '../../wire/datacenter-number.ts'
import { randomPool } from '../../wire/random.ts'
import { type Check, type Finding, finding } from '../finding.ts'

const timeoutMs = 5_000

const advice: Readonly<Partial<Record<UpstreamError, string>>> = {
  login: 'correct user and password in UPSTREAMS',
  denied: 'allow the addresses of Telegram in the rules of the SOCKS5 server',
  'no-source': 'give this host the address or the interface, or correct UPSTREAMS',
  'no-ports': 'add source addresses (bind:ADDRESS+ADDRESS), or widen net.ipv4.ip_local_port_range',
  protocol: 'write the address and port of a SOCKS5 server in UPSTREAMS',
  refused: 'start the SOCKS5 server, or correct its port in UPSTREAMS',
}
const usual = 'check the route from this host to the upstream, and from there to the datacenters'

/** The answers through one upstream, one for each datacenter; null: it cannot be dialed. */
export type Through = { readonly setting: UpstreamSetting; readonly answers: readonly Probe[] | null }

const worked = ({ answers }: Through): boolean => answers?.some(({ ok }) => ok) ?? false

const judgeOne = (through: Through, at: number, others: boolean): Finding => {
  const { setting, answers } = through
  const id = `upstreams.${at + 1}` as const
  const name = upstreamText(setting)
  const impact = others ? 'clients take the others' : 'no client can connect'
  if (answers === null) {
    const why =
      setting.kind === 'bind' ? 'this host does not have its addresses' : 'its name has no DNS answer'
    return finding(id, others ? 'warn' : 'fail', `${name}: ${why}; ${impact}`, {
      advice:
        setting.kind === 'bind' ? advice['no-source']! : 'check the name in UPSTREAMS and /etc/resolv.conf',
    })
  }
  const times = answers.flatMap((answer) => (answer.ok ? [answer.resPqMs] : []))
  const errors = [...new Set(answers.flatMap((answer) => (answer.ok ? [] : [answer.error])))]
  const numbers = { datacenters: answers.length, answering: times.length }
  if (times.length === 0) {
    return finding(
      id,
      others ? 'warn' : 'fail',
      `${name}: no datacenter answers (${errors.join(', ')}); ${impact}`,
      {
        advice: errors.map((error) => advice[error]).find((text) => text !== undefined) ?? usual,
        numbers,
      },
    )
  }
  const fastest = Math.round(Math.min(...times) * 10) / 10
  const states = `${name}: ${times.length} of ${answers.length} datacenters answer, resPQ ${fastest} ms`
  return times.length < answers.length
    ? finding(id, 'warn', `${states} (${errors.join(', ')})`, { advice: usual, numbers })
    : finding(id, 'ok', states, { numbers: { ...numbers, resPqMs: fastest } })
}

export const judge = (all: readonly Through[]): readonly Finding[] =>
  all.map((one, at) =>
    judgeOne(
      one,
      at,
      all.some((other) => other !== one && worked(other)),
    ),
  )

/** The first address of each datacenter that is not for media or tests. */
const targetsOf = async ({
  datacenters,
  preferIpv6,
}: Config): Promise<readonly [number, readonly Address[]][]> => {
  const directory = dialable(await namesOf(datacenters, () => {}).look(), preferIpv6)
  return [...directory].filter(([id]) => id > 0 && id < testDatacenters)
}

/** Probes each datacenter once through each upstream of UPSTREAMS. */
export const upstreamsCheck: Check = async ({ config, signal }) => {
  if (config.upstreams === null) return []
  const random = randomPool(1_024)
  const targets = await targetsOf(config)
  const all = config.upstreams.map(async (setting): Promise<Through> => {
    const upstream = await resolveUpstream(setting, lookUpAll)
    if (!isReady(upstream)) return { setting, answers: null }
    const reachable = targets.flatMap(([id, addresses]) => {
      const address = addresses.find((address) => serves(upstream, address))
      return address === undefined ? [] : [{ id, address }]
    })
    const asked = reachable.map((target) => probe({ ...target, random, timeoutMs, signal, upstream }))
    return { setting, answers: await Promise.all(asked) }
  })
  return judge(await Promise.all(all))
}
