import { spawnSync } from 'node:child_process'
import { type End, type Ends, interfaces, type Path } from './emulation.ts'
import type { Link } from './lane.ts'

/** What delays and loses packets: the kernel (`tc netem`), or `emulator.ts` between TUN devices. */
export type Engine = 'netem' | 'tun'

/** Whether this kernel has netem. Needs root. */
export const hasNetem = (): boolean =>
  spawnSync('unshare', ['-n', 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms']).status ===
  0

const percent = (share: number): string => `${(share * 100).toFixed(6)}%`

/** `limit` counts the packets under way, too. netem loses in bursts by the same two states as `lane.ts`. */
export const netemWords = (device: string, link: Link): readonly string[] => {
  const packets = Math.ceil(((link.delayMs + link.jitterMs + link.bufferMs) * link.mbit * 125) / 1500)
  const leave = link.burst > 1 ? 1 / link.burst : 1 - link.loss
  const enter = (link.loss * leave) / (1 - link.loss)
  return [
    ...['tc', 'qdisc', 'add', 'dev', device, 'root', 'netem', 'limit', `${packets}`],
    ...['delay', `${link.delayMs}ms`, ...(link.jitterMs > 0 ? [`${link.jitterMs}ms`] : [])],
    ...(link.loss > 0 ? ['loss', 'gemodel', percent(enter), percent(leave)] : []),
    ...['rate', `${link.mbit}mbit`],
  ]
}

/** Makes both ends of each link; `run` runs a command in the namespace of an end. */
export const shape = (
  engine: Engine,
  ends: Ends,
  path: Path,
  run: (end: End, words: readonly string[]) => void,
): void => {
  for (const [name, far] of [
    ['client', 'client'],
    ['datacenter', 'datacenter'],
  ] as const) {
    const device = interfaces[name]
    if (engine === 'tun') {
      for (const end of ['proxy', far] as const) run(end, ['ip', 'tuntap', 'add', device, 'mode', 'tun'])
      continue
    }
    run('proxy', [
      'ip',
      'link',
      'add',
      device,
      'type',
      'veth',
      'peer',
      'name',
      device,
      'netns',
      `${ends[far]}`,
    ])
    for (const end of ['proxy', far] as const) {
      // Packets one by one, as on a real link: netem would lose or delay 64 KiB at a time.
      run(end, ['ip', 'link', 'set', device, 'gso_max_segs', '1', 'gso_max_size', '1500'])
      run(end, [...netemWords(device, path[name])])
    }
  }
}
