import type { ProxyEvent } from '../../../proxy/events/contract.ts'
import { answerTimeOf, isDrop, isOfClient } from '../../../proxy/events/outcome.ts'
import type { ClientPath } from '../../../proxy/events/sample.ts'
import { userBytes } from '../../../proxy/redis/keys.ts'
import type { Tally } from '../delta.ts'
import { bucketFor, bucketKeys, durationBounds, latencyBounds } from '../histogram.ts'
import { dcOf, labelled } from '../key.ts'

export const connectionKeys = {
  accepted: 'accepted',
  /** Live: all open connections; the authenticated ones by `mode/dc/main|media`, and by user. */
  open: 'open',
  openSession: labelled('open.session'),
  openOfUser: labelled('open.user'),
  /** By listener, where LISTEN names them; open ones without those of `connections.summarised`. */
  acceptedBy: labelled('listener'),
  openBy: labelled('open.listener'),

  /** Calendar: authenticated connections and their traffic. Fronted bytes are not traffic. */
  sessions: 'sessions',
  toClient: 'to-client',
  toDatacenter: 'to-datacenter',
  sessionsOfUser: labelled('user.sessions'),
  toClientOfUser: labelled(userBytes.toClient),
  toDatacenterOfUser: labelled(userBytes.toDatacenter),
  toClientOfDc: labelled('dc.to-client'),
  toDatacenterOfDc: labelled('dc.to-datacenter'),
  /** When a user was last seen. */
  user: labelled('user'),

  /** `by/phase/reason/dc/mode`, `-` where unknown. */
  closed: (cause: string): string => `closed/${cause}`,
  /** Connections that reached a stage; each stage includes those of the next. */
  stage: labelled('stage'),
  /** Time from the first byte up to the first byte down, by `answerTimes`. */
  answered: labelled('answered'),

  /** Authenticated connections that ended, and of them the drops and the stalls: in all, and by datacenter. */
  ended: 'ended',
  drops: 'drops',
  stalls: 'stalls',
  endedOn: labelled('ended'),
  dropsOn: labelled('drops'),
  stallsOn: labelled('stalls'),

  /** Round trips to clients. */
  clientRtt: bucketKeys('client-rtt', latencyBounds),
  handshake: bucketKeys('handshake', latencyBounds),
  dial: bucketKeys('dial', latencyBounds),
  firstByte: bucketKeys('first-byte', latencyBounds),
  lifetime: bucketKeys('lifetime', durationBounds),
  lifetimeMs: 'lifetime.ms',
} as const

export const stages = ['accepted', 'hello', 'authenticated', 'connected', 'requested', 'answered'] as const

const k = connectionKeys

type Rejected = Extract<ProxyEvent, { type: 'handshake.rejected' }>
type Summary = Extract<ProxyEvent, { type: 'connections.summarised' }>

/** Whether the first message, a payload or a ClientHello, arrived completely. Only a ClientHello has a JA4. */
const cameWhole = ({ reason, ja4 }: Pick<Rejected, 'reason' | 'ja4'>): boolean =>
  ja4 !== undefined || (reason !== 'not-mtproto' && reason !== 'malformed-hello' && reason !== 'timeout')

const traffic = (
  tally: Tally,
  { user, dc }: { user: string; dc: number },
  toClient: number,
  toDatacenter: number,
): void => {
  if (toClient > 0) {
    tally.calendar(k.toClient, toClient)
    tally.calendar(k.toClientOfUser(user), toClient)
    tally.ever(k.toClientOfDc(dcOf(dc)), toClient)
    tally.tick(k.toClient, toClient)
  }
  if (toDatacenter > 0) {
    tally.calendar(k.toDatacenter, toDatacenter)
    tally.calendar(k.toDatacenterOfUser(user), toDatacenter)
    tally.ever(k.toDatacenterOfDc(dcOf(dc)), toDatacenter)
    tally.tick(k.toDatacenter, toDatacenter)
  }
  tally.lasting(k.user(user), null)
}

const clientRtt = ({ clientRttMs }: ClientPath, tally: Tally): void => {
  if (clientRttMs !== undefined) tally.tick(k.clientRtt[bucketFor(latencyBounds, clientRttMs)]!, 1)
}

type Closed = Extract<ProxyEvent, { type: 'connection.closed' }>
type Accepted = Extract<ProxyEvent, { type: 'handshake.accepted' }>

const sessionLabel = (event: Pick<Accepted, 'mode' | 'dc' | 'media'>): string =>
  `${event.mode}/${dcOf(event.dc)}/${event.media ? 'media' : 'main'}`

const accept = (count: number, tally: Tally): void => {
  tally.ever(k.stage('accepted'), count)
  tally.tick(k.accepted, count)
  tally.minute(k.accepted, count)
  tally.live(k.open, count)
}

const closed = (cause: string, count: number, tally: Tally): void => {
  tally.ever(k.closed(cause), count)
  tally.tick(k.closed(cause), count)
  tally.live(k.open, -count)
}

const close = (event: Closed, tally: Tally): void => {
  const { by, phase, reason, mode, user, dc, media } = event
  closed(`${by}/${phase}/${reason}/${dc === undefined ? '-' : dcOf(dc)}/${mode ?? '-'}`, 1, tally)
  if (event.listener !== undefined) tally.live(k.openBy(event.listener), -1)
  if (!isOfClient(phase) || mode === undefined || user === undefined || dc === undefined) return
  const on = dcOf(dc)
  tally.live(k.openSession(sessionLabel({ mode, dc, media: media ?? false })), -1)
  tally.live(k.openOfUser(user), -1)
  traffic(tally, { user, dc }, event.untoldToClient, event.untoldToDatacenter)
  clientRtt(event, tally)
  tally.ever(k.lifetime[bucketFor(durationBounds, event.durationMs)]!, 1)
  tally.ever(k.lifetimeMs, Math.round(event.durationMs))
  tally.tick(k.ended, 1)
  tally.tick(k.endedOn(on), 1)
  tally.minute(k.ended, 1)
  tally.minute(k.endedOn(on), 1)
  if (!isDrop(phase, reason)) return
  tally.ever(k.dropsOn(on), 1)
  tally.tick(k.drops, 1)
  tally.tick(k.dropsOn(on), 1)
  tally.minute(k.drops, 1)
  tally.minute(k.dropsOn(on), 1)
  if (reason !== 'stalled') return
  tally.tick(k.stalls, 1)
  tally.tick(k.stallsOn(on), 1)
  tally.minute(k.stallsOn(on), 1)
}

/** Connections of unauthenticated clients that one event summarises. */
const summarised = ({ accepted, listeners = [], refusals, closes }: Summary, tally: Tally): void => {
  accept(accepted, tally)
  for (const { listener, count } of listeners) tally.ever(k.acceptedBy(listener), count)
  for (const refusal of refusals) if (cameWhole(refusal)) tally.ever(k.stage('hello'), refusal.count)
  for (const { by, phase, reason, count } of closes) closed(`${by}/${phase}/${reason}/-/-`, count, tally)
}

const firstByte = (event: Extract<ProxyEvent, { type: 'connection.first-byte' }>, tally: Tally): void => {
  if (event.direction === 'to-datacenter') {
    tally.ever(k.stage('requested'), 1)
    return
  }
  // Since the request where it is known: a pooled connection waits before it.
  const waited = event.sinceRequestMs ?? event.sinceAcceptedMs
  tally.ever(k.stage('answered'), 1)
  tally.ever(k.answered(answerTimeOf(waited)), 1)
  tally.tick(k.firstByte[bucketFor(latencyBounds, waited)]!, 1)
}

/** Connections, handshakes, traffic and closes; also by user, whose names the settings bound. */
export const connections = (event: ProxyEvent, tally: Tally): Tally => {
  switch (event.type) {
    case 'connection.accepted':
      accept(1, tally)
      if (event.listener !== undefined) {
        tally.ever(k.acceptedBy(event.listener), 1)
        tally.live(k.openBy(event.listener), 1)
      }
      return tally
    case 'handshake.accepted':
      tally.ever(k.stage('hello'), 1)
      tally.ever(k.stage('authenticated'), 1)
      tally.calendar(k.sessions, 1)
      tally.calendar(k.sessionsOfUser(event.user), 1)
      tally.live(k.openSession(sessionLabel(event)), 1)
      tally.live(k.openOfUser(event.user), 1)
      tally.lasting(k.user(event.user), null)
      tally.tick(k.handshake[bucketFor(latencyBounds, event.elapsedMs)]!, 1)
      return tally
    case 'datacenter.dialed':
      tally.ever(k.stage('connected'), 1)
      tally.tick(k.dial[bucketFor(latencyBounds, event.elapsedMs)]!, 1)
      return tally
    case 'connection.first-byte':
      firstByte(event, tally)
      return tally
    case 'connection.progress':
      traffic(tally, event, event.bytesToClient, event.bytesToDatacenter)
      clientRtt(event, tally)
      return tally
    case 'connection.closed':
      close(event, tally)
      return tally
    case 'handshake.rejected':
      if (cameWhole(event)) tally.ever(k.stage('hello'), 1)
      return tally
    case 'connections.summarised':
      summarised(event, tally)
      return tally
    case 'datacenter.dial-failed':
    case 'upstream.failed':
    case 'datacenter.probed':
    case 'process.started':
    case 'process.stopped':
    case 'process.sampled':
    case 'header.refused':
    case 'limit.refused':
    case 'replay.unclaimed':
    case 'process.faulted':
    case 'networks.loaded':
    case 'thread.died':
    case 'events.lost':
    case 'middle-proxy.failed':
    case 'middle-proxy.probed':
    case 'middle-proxies.read':
    case 'api.changed':
    case 'config.reloaded':
    case 'user.added':
    case 'user.changed':
    case 'user.removed':
    case 'users.read':
      return tally
  }
}
