import { build } from '../builder/build.ts'
import type { Board } from '../builder/panels.ts'
import { cpu } from './cpu.ts'
import { datacenters } from './datacenters.ts'
import { latency } from './latency.ts'
import { overview } from './overview.ts'
import { pipeline } from './pipeline.ts'
import { security } from './security.ts'
import { users } from './users.ts'

export const boards: readonly Board[] = [overview, latency, cpu, datacenters, security, users, pipeline]

/** The file of a dashboard: JSON as Grafana's provisioning reads it. */
export const boardFile = (board: Board): string => `${JSON.stringify(build(board), null, 2)}\n`
