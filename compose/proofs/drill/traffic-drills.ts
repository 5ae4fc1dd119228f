import { collector, type Drill, type May, prometheus, route } from './drill.ts'
import type { Trouble } from './traffic.ts'

const budgets = ['MtscopeBudgetBurnsFast', 'MtscopeBudgetBurnsSteady', 'MtscopeBudgetBurnsSlow'] as const

const noClientIsAnswered = (dc: number): May[] => [
  ...budgets.map((name) => ({
    ...prometheus(name),
    because: `datacenter ${dc} answers no client: half of all connections`,
  })),
]

const troubled =
  (trouble: Trouble): Drill['strike'] =>
  async ({ traffic }) => {
    traffic.trouble = trouble
    return () => {
      traffic.trouble = null
    }
  }

/** Faults of connections and of datacenters. */
export const trafficDrills: readonly Drill[] = [
  {
    name: 'every fifth answer takes 2.6 s',
    strike: troubled({ kind: 'late', dc: null, oneOf: 5 }),
    // The windows of the other two take hours, even scaled.
    fires: [
      prometheus('MtscopeBudgetBurnsFast', ''),
      { ...prometheus('MtscopeBudgetBurnsSteady', ''), long: true },
      { ...prometheus('MtscopeBudgetBurnsSlow', ''), long: true },
    ],
  },
  {
    name: 'datacenter 4 resets connections after its first answer',
    strike: troubled({ kind: 'reset', dc: 4, oneOf: 1 }),
    fires: [collector('connection-drops', 'dc 4'), prometheus('MtscopeConnectionDrops', 'dc=4')],
  },
  {
    name: 'datacenter 4 stops answering on every fifth connection',
    strike: troubled({ kind: 'silence', dc: 4, oneOf: 5 }),
    fires: [collector('stalled-sessions', 'dc 4'), prometheus('MtscopeStalledSessions', 'dc=4')],
  },
  {
    name: 'datacenter 4 refuses connections',
    strike: async ({ fleet }) => {
      const datacenter = fleet.datacenters.get(4)!
      await datacenter.goAway()
      return datacenter.comeBack
    },
    fires: [
      collector('datacenter-down', 'dc 4 ipv4'),
      prometheus('MtscopeDatacenterDown', route('proxy-1', 4)),
      prometheus('MtscopeDatacenterDown', route('proxy-2', 4)),
    ],
    follows: [
      { ...collector('connection-drops', 'dc 4'), because: 'its connections end in the dial' },
      { ...prometheus('MtscopeConnectionDrops', 'dc=4'), because: 'its connections end in the dial' },
      ...noClientIsAnswered(4),
    ],
  },
  {
    name: 'the SOCKS5 server of the second upstream dies',
    backup: true,
    strike: async ({ socks }) => {
      await socks.goAway()
      return socks.comeBack
    },
    fires: [
      collector('upstream-down', 'proxy-1 backup'),
      collector('upstream-down', 'proxy-2 backup'),
      prometheus('MtscopeUpstreamDown', 'instance=proxy-1 upstream=backup'),
      prometheus('MtscopeUpstreamDown', 'instance=proxy-2 upstream=backup'),
    ],
  },
  {
    name: 'the middle proxy of datacenter 4 goes away',
    middleProxies: true,
    strike: async ({ middleProxies }) => {
      const middle = middleProxies.get(4)!
      await middle.goAway()
      return middle.comeBack
    },
    fires: [
      collector('middle-proxies-away', 'dc 4'),
      prometheus('MtscopeMiddleProxiesAway', 'dc=4 instance=proxy-1 media=false'),
      prometheus('MtscopeMiddleProxiesAway', 'dc=4 instance=proxy-2 media=false'),
    ],
    follows: [
      { ...collector('connection-drops', 'dc 4'), because: 'its connections are cut with the middle proxy' },
      {
        ...prometheus('MtscopeConnectionDrops', 'dc=4'),
        because: 'its connections are cut with the middle proxy',
      },
    ],
  },
  {
    name: 'datacenter 4 answers 400 ms late',
    // The collector needs half an hour, scaled, for a baseline.
    quietSeconds: 215,
    strike: async ({ fleet }) => {
      const { manner } = fleet.datacenters.get(4)!
      manner.delayMs = 400
      return () => {
        manner.delayMs = 0
      }
    },
    fires: [
      collector('datacenter-slow', 'dc 4 ipv4'),
      prometheus('MtscopeDatacenterSlow', route('proxy-1', 4)),
      prometheus('MtscopeDatacenterSlow', route('proxy-2', 4)),
    ],
  },
]
