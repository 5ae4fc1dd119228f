import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout, exampleFolder } from '../../../compose/test/kit/examples/doctor-example.ts'
import type { Finding } from '../finding.ts'
import { usersCheck } from './users.ts'

const secret = 'b7c1905e3f62d84a19e07bc5d2f8436a'
const other = '5e1d08c7a94b3f62d0187ce59a2b4f36'
const usersJson = (...users: object[]): string => JSON.stringify({ version: 1, users })

const look = async (files: Record<string, string>, env: Record<string, string> = {}): Promise<Finding> => {
  using folder = exampleFolder(files)
  const about = exampleAbout({ DATA_DIR: folder.path, ...env })
  const [found] = await usersCheck({ ...about, signal: new AbortController().signal })
  return found!
}

test('a store that can be read is fine, with its numbers', async () => {
  const users = usersJson({ name: 'ann', secret }, { name: 'bob', secret: other, enabled: false })
  const { verdict, numbers } = await look({ 'users.json': users })
  assert.equal([verdict, numbers], ['ok', { users: 2, disabled: 1 }])
})

test('a damaged store fails, with the place and what to do, and without its content', async () => {
  const { verdict, states, advice } = await look({ 'users.json': `${secret} {` })
  assert.is(verdict, 'fail')
  assert.match(states, /^The user store cannot be read: .*users.json is not JSON$/)
  assert.match(advice ?? '', 'copy users.good.json over it')
  assert.not.match(states, secret)
})

test('a user that clashes with one of the settings is named', async () => {
  const files = { 'users.json': usersJson({ name: 'ann', secret: other }, { name: 'bob', secret }) }
  const { verdict, states } = await look(files, { USER1_NAME: 'Ann', USER1_SECRET: secret })
  assert.is(verdict, 'warn')
  assert.match(states, /^2 users .*: ann \(its name\), bob \(its secret\)$/)
})

test('a missing USERS_KEY fails before Kafka is asked', async () => {
  const { verdict, states, advice } = await look(
    {},
    { KAFKA_BROKERS: '127.0.0.1:1', USERS_KEY: '/nowhere/users.key' },
  )
  assert.is(verdict, 'fail')
  assert.match(states, 'USERS_KEY does not fit the users: /nowhere/users.key is missing')
  assert.match(advice ?? '', 'set USERS_KEY')
})

test.run()
