import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleFolder, verdictsOf } from '../../../compose/test/kit/examples/doctor-example.ts'
import { judge, readLimits } from './container.ts'

test('limits of a container are read from control groups of version 2', () => {
  using cgroup = exampleFolder({
    'cgroup.controllers': 'cpu memory pids\n',
    'memory.max': '536870912\n',
    'memory.current': '104857600\n',
    'memory.events': 'low 0\nhigh 0\noom 2\noom_kill 1\n',
    'cpu.max': '50000 100000\n',
    'cpu.stat': 'usage_usec 1\nnr_periods 1000\nnr_throttled 100\n',
    'pids.max': 'max\n',
    'pids.current': '20\n',
  })
  const limits = readLimits(cgroup.path, '0::/\n')
  assert.equal(limits, {
    memory: 536_870_912,
    memoryUsed: 104_857_600,
    killed: 1,
    cpu: 0.5,
    periods: 1_000,
    throttled: 100,
    tasks: null,
    tasksUsed: 20,
  })
  const found = judge(limits, 1_000, 2)
  assert.equal(
    found.map(({ id, verdict }) => [id, verdict]),
    [
      ['container.memory', 'warn'],
      ['container.cpu', 'warn'],
      ['container.tasks', 'ok'],
    ],
  )
})

test('and from version 1, where a huge number means no limit', () => {
  using cgroup = exampleFolder({
    'memory/box/memory.limit_in_bytes': '9223372036854771712\n',
    'memory/box/memory.usage_in_bytes': '1048576\n',
    'cpu/cpu.cfs_quota_us': '-1\n',
    'cpu/cpu.cfs_period_us': '100000\n',
    'pids/pids.max': '20\n',
    'pids/pids.current': '15\n',
  })
  const limits = readLimits(cgroup.path, '4:memory:/box\n3:pids:/box\n0::/\n')
  assert.equal([limits.memory, limits.memoryUsed, limits.cpu, limits.tasks], [null, 1_048_576, null, 20])
  assert.is(verdictsOf(judge(limits, 1_000, 4))['container.tasks'], 'warn')
})

test('too little memory for MAX_CONNECTIONS: the advice is a number that fits', () => {
  const limits = { ...readLimits('/nowhere', ''), memory: 512 * 1_048_576, memoryUsed: 0 }
  const [memory] = judge(limits, 100_000, 1)
  assert.is(memory?.verdict, 'note')
  const clients = Number(/MAX_CONNECTIONS=(\d+)$/.exec(memory?.advice ?? '')?.[1])
  assert.is(judge(limits, clients, 1)[0]?.verdict, 'ok')
})

test.run()
