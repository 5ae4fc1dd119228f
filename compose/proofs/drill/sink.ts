import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export type System = 'collector' | 'prometheus'

/** One alert as it arrived: raised or cleared. */
export type Reported = {
  readonly system: System
  /** The collector's rule, or Prometheus' alert. */
  readonly name: string
  /** The collector's subject, or the labels that name one. */
  readonly subject: string
  readonly up: boolean
  /** By the clock of `performance.now()`. */
  readonly at: number
}

export type Sink = AsyncDisposable & {
  readonly collectorUrl: string
  readonly alertmanagerUrl: string
  /** All alerts so far, in order; a repeated state of the same alert counts once. */
  readonly reported: readonly Reported[]
  /** The raised alerts. */
  active(): Reported[]
}

type FromAlertmanager = {
  readonly alerts: readonly { readonly status: string; readonly labels: Readonly<Record<string, string>> }[]
}
type FromCollector = { readonly type: string; readonly rule: string; readonly subject: string }

const notOfTheSubject = new Set(['alertname', 'severity', 'rule', 'fleet', 'job'])

const subjectOf = (labels: Readonly<Record<string, string>>, nodes: ReadonlyMap<string, string>): string =>
  Object.entries(labels)
    .filter(([label]) => !notOfTheSubject.has(label))
    .map(([label, value]) => `${label}=${nodes.get(value) ?? value}`)
    .sort()
    .join(' ')

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

/** The webhook of both alert systems. `nodes` maps an address that Prometheus scrapes to its node. */
export const startSink = async (nodes: ReadonlyMap<string, string>): Promise<Sink> => {
  const reported: Reported[] = []
  const up = new Map<string, Reported>()
  const receive = (system: System, name: string, subject: string, isUp: boolean): void => {
    const id = `${system}\n${name}\n${subject}`
    if (up.has(id) === isUp) return
    const one = { system, name, subject, up: isUp, at: performance.now() }
    if (isUp) up.set(id, one)
    else up.delete(id)
    reported.push(one)
  }
  const take = (path: string | undefined, body: string): void => {
    if (path === '/collector') {
      const { type, rule, subject } = JSON.parse(body) as FromCollector
      return receive('collector', rule, subject, type === 'alert.raised')
    }
    for (const { status, labels } of (JSON.parse(body) as FromAlertmanager).alerts)
      receive('prometheus', labels.alertname ?? '', subjectOf(labels, nodes), status === 'firing')
  }
  const server = createServer((request, response) => {
    bodyOf(request).then(
      (body) => {
        take(request.url, body)
        response.end()
      },
      () => response.destroy(),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    collectorUrl: `${url}/collector`,
    alertmanagerUrl: `${url}/alertmanager`,
    reported,
    active: () => [...up.values()],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
