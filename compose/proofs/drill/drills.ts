import type { Drill } from './drill.ts'
import { hostDrills } from './host-drills.ts'
import { pipelineDrills } from './pipeline-drills.ts'
import { trafficDrills } from './traffic-drills.ts'
import { unauthenticatedDrills } from './unauthenticated-drills.ts'

/** Every fault, and what must be told of it. */
export const drills: readonly Drill[] = [
  { name: 'nothing', watch: 120, strike: async () => null, fires: [] },
  ...trafficDrills,
  ...unauthenticatedDrills,
  ...hostDrills,
  ...pipelineDrills,
]
