import type { Drill } from './drill.ts'
import { hostDrills } from './host-drills.ts'
import { pipelineDrills } from './pipeline-drills.ts'
import { trafficDrills } from './traffic-drills.ts'
import { unauthenticatedDrills } from './unauthenticated-drills.ts'

/** Every fault with the alerts that it must raise. */
export const drills: readonly Drill[] = [
  { name: 'no fault', watch: 120, strike: async () => null, fires: [] },
  ...trafficDrills,
  ...unauthenticatedDrills,
  ...hostDrills,
  ...pipelineDrills,
]
