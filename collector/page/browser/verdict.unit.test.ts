import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { emptyStatus, sampleStatus, troubledStatus } from '../../../compose/test/kit/page/sample-status.ts'
import type { DatacenterStatus, Status } from '../../read/status.ts'
import { type Verdict, verdict } from './verdict.ts'

const now = Date.UTC(2026, 10, 23, 3, 0, 0)

/** The sample with some rows of the datacenter table changed. */
const changed = (which: (row: DatacenterStatus) => boolean, to: Partial<DatacenterStatus>): Status => {
  const status = sampleStatus(now)
  return { ...status, datacenters: status.datacenters.map((row) => (which(row) ? { ...row, ...to } : row)) }
}
const printed = ({ text, more }: Verdict) => `${text} ${more}`.replaceAll('\u00a0', ' ').trim()

test('a healthy appliance has no faults', () => {
  const healthy = verdict(sampleStatus(now))
  assert.is(healthy.level, 'well')
  assert.is(printed(healthy), 'No faults. 1,284 connections open, all 5 datacenters answer.')
})

test('a new appliance has no faults and shows the next step', () => {
  const started = verdict(emptyStatus(now))
  assert.is(started.level, 'well')
  assert.match(started.more, 'open one of the links that npm start printed')
})

test('the oldest alert leads, and the others follow', () => {
  const troubled = verdict(troubledStatus(now))
  assert.is(troubled.level, 'wrong')
  assert.is(
    troubled.text,
    'DC 4 over IPv4 has not answered since 02:54 UTC (11 tries failed, the last: timeout): accounts at home there cannot connect.',
  )
  assert.match(printed(troubled), /214 of 680 connections.*DC 4 does not answer.*DC 5 is slow \(912 ms\)/)
})

test('a cleared alert is not a fault', () => {
  const { alerts } = sampleStatus(now)
  assert.ok(alerts.length > 0)
  assert.is(verdict(sampleStatus(now)).level, 'well')
})

test('a datacenter that no family reaches is wrong before any alert is raised', () => {
  const down = verdict(changed((row) => row.dc === 4 && !row.media, { state: 'down' }))
  assert.is(down.level, 'wrong')
  assert.is(down.text, 'DC 4 does not answer.')
})

test('media addresses are judged by themselves', () => {
  const down = verdict(changed((row) => row.dc === 4 && row.media, { state: 'down' }))
  assert.is(down.text, 'DC 4 media does not answer.')
})

test('a datacenter that one family still reaches is to be watched', () => {
  const part = verdict(changed((row) => row.dc === 4 && row.family === 'ipv6', { state: 'down' }))
  assert.is(part.level, 'watch')
  assert.is(part.text, 'DC 4 does not answer over IPv6.')
})

test('a family that this host lacks is not a fault', () => {
  const alone = verdict(
    changed((row) => row.family === 'ipv6', { state: 'unknown', error: 'ipv6 does not work' }),
  )
  assert.is(alone.level, 'well')
})

test('a fault that an alert covers appears once', () => {
  const slow = changed((row) => row.dc === 5, { state: 'slow', resPqP50: 912 })
  assert.is(printed(verdict(slow)), 'DC 5 is slow (912 ms).')
  const [alert] = troubledStatus(now).alerts
  if (!alert) throw new Error('the sample has one')
  const reported = { ...alert, rule: 'datacenter-slow', subject: 'dc 5 ipv4', summary: 'DC 5 is slow. Ask.' }
  assert.is(printed(verdict({ ...slow, alerts: [reported] })), 'DC 5 is slow.')
})

test('a host without any network is wrong', () => {
  const cut = verdict(changed(() => true, { state: 'down' }))
  assert.is(cut.level, 'wrong')
  assert.match(cut.text, 'DC 1, DC 2, DC 2 media, DC 3')
})

test('lost events are mentioned, and the level stays well', () => {
  const status = sampleStatus(now)
  const lossy = verdict({
    ...status,
    events: { ...status.events, lost: { 'log-bounds': 1200, 'log-full': 34 } },
  })
  assert.is(lossy.level, 'well')
  assert.match(lossy.more, '1,234 events were lost')
})

test('a silent node is wrong, and old numbers are to be watched', () => {
  const status = sampleStatus(now)
  const silent = status.nodes.map((node) => ({ ...node, lastSeenAt: now - 300_000 }))
  assert.match(printed(verdict({ ...status, nodes: silent })), 'No events from vps-fra-1 for 5 min.')
  const late = verdict({ ...status, events: { ...status.events, lagMs: 40_000 } })
  assert.is(late.level, 'watch')
  assert.is(printed(late), 'These numbers are 40 s behind.')
})

test.run()
