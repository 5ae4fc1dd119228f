import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { noLimits, type UserLimits } from '../users/limits.ts'
import { Secret } from '../users/secret.ts'
import type { User } from '../users/user.ts'
import { countsMemory, userCounts } from './counts.ts'
import { limitedUsers } from './limited-users.ts'

const day = 86_400_000

const opened = () => {
  const memory = countsMemory(1)
  let now = Date.UTC(2026, 10, 30, 12)
  const changes: string[] = []
  const users = limitedUsers({
    memory,
    workers: 1,
    now: () => now,
    full: (user) => changes.push(`full ${user}`),
    quotaChanged: ({ user, period }) => changes.push(`${user} ${period}`),
  })
  return {
    users,
    changes,
    counts: userCounts(memory, 1),
    get now() {
      return now
    },
    passes: (ms: number) => {
      now += ms
      users.look()
    },
  }
}

const user = (name: string, limits: Partial<UserLimits> = {}, enabled = true): User => ({
  ...{ name, limits, enabled },
  secret: new Secret(randomBytes(16)),
})

test('only users with limits, or disabled ones, have a slot', () => {
  const { users, counts } = opened()
  users.take([user('a'), user('b', { maxConnections: 2 }), user('c', {}, false)], noLimits)
  assert.is(users.of('a'), undefined)
  assert.is(users.of('b')!.maxConnections, 2)
  assert.is(counts.stopOf(users.of('b')!.slot), null)
  assert.is(counts.stopOf(users.of('c')!.slot), 'disabled')
  users.take([user('a'), user('b'), user('c')], { ...noLimits, rateUp: 5_000 })
  assert.is(users.of('a')!.rateUp, 5_000)
  assert.is(counts.stopOf(users.of('c')!.slot), null)
})

test('a user is stopped when its quota is used up, until the day ends or the quota grows', () => {
  const of = opened()
  of.users.take([user('a', { quotaDay: 100 })], noLimits)
  const { slot } = of.users.of('a')!
  of.counts.addBytes(slot, 60)
  of.passes(1_000)
  assert.is(of.counts.stopOf(slot), null)
  // Others nodes had 50 of them before.
  of.users.learn('a', { day: 110, month: 110, total: 110 }, 60)
  of.passes(1_000)
  assert.is(of.counts.stopOf(slot), 'quota')
  of.users.take([user('a', { quotaDay: 200 })], noLimits)
  assert.is(of.counts.stopOf(slot), null)
  of.users.take([user('a', { quotaDay: 100 })], noLimits)
  assert.is(of.counts.stopOf(slot), 'quota')
  of.passes(day / 2)
  assert.is(of.counts.stopOf(slot), null)
  assert.equal(of.changes, ['a day', 'a null', 'a day', 'a null'])
})

test('a user that expires is stopped', () => {
  const of = opened()
  of.users.take([user('a', { expiresAt: of.now + 5_000 })], noLimits)
  const { slot } = of.users.of('a')!
  of.passes(4_000)
  assert.is(of.counts.stopOf(slot), null)
  of.passes(1_000)
  assert.is(of.counts.stopOf(slot), 'expired')
})

test('the slot of a user that left is assigned again when its connections have ended', () => {
  const of = opened()
  of.users.take([user('a', { maxConnections: 1 })], noLimits)
  const { slot } = of.users.of('a')!
  of.counts.enter(slot, null)
  of.users.take([], noLimits)
  of.passes(120_000)
  of.users.take([user('b', { maxConnections: 1 })], noLimits)
  assert.is.not(of.users.of('b')!.slot, slot)
  of.counts.leave(slot)
  of.users.take([user('b', { maxConnections: 1 })], noLimits)
  of.users.take([user('b', { maxConnections: 1 }), user('c', { maxConnections: 1 })], noLimits)
  assert.is(of.users.of('c')!.slot, slot)
  assert.is(of.counts.connections(slot), 0)
})

test.run()
