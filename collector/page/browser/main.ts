/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type { Status } from '../../read/status.ts'
import { alertsSection } from './alerts.ts'
import { closesSection, rejectionsSection } from './causes.ts'
import { charts } from './charts.ts'
import { datacentersSection } from './datacenters.ts'
import { clock, duration } from './format.ts'
import { latencySection } from './latency.ts'
import { listenersSection } from './listeners.ts'
import { manageUsers } from './manage.ts'
import { middleProxiesSection } from './middle-proxies.ts'
import { eventsSection, nodesSection } from './nodes.ts'
import { numbersSection } from './numbers.ts'
import { type Piece, patch } from './piece.ts'
import { askJson, poll, type Silence } from './poll.ts'
import { themeButton } from './theme-button.ts'
import { upstreamsSection } from './upstreams.ts'
import { type Verdict, verdict } from './verdict.ts'

const byId = (id: string): HTMLElement => {
  const element = document.getElementById(id)
  if (!element) throw new Error(`index.html has no #${id}`)
  return element
}

const sections: Record<string, (status: Status) => Piece[]> = {
  alerts: alertsSection,
  numbers: numbersSection,
  latency: latencySection,
  datacenters: (status) => [
    ...datacentersSection(status),
    ...upstreamsSection(status),
    ...middleProxiesSection(status),
  ],
  closes: closesSection,
  rejections: (status) => [...rejectionsSection(status), ...listenersSection(status)],
  users: (status) => userSection(status),
  nodes: nodesSection,
  events: eventsSection,
}

const graphs = charts(byId('charts'), byId('charts-when'))
themeButton(byId('theme'), graphs.recolour)

let shownVersion: string | null = null
let latest: Status | null = null

const userSection = manageUsers(byId, () => {
  if (latest !== null) patch(byId('users'), userSection(latest))
})

const answered = (status: Status): void => {
  // The appliance was upgraded: the new version has its own page.
  if (shownVersion !== null && shownVersion !== status.version) {
    location.reload()
    return
  }
  shownVersion = status.version
  latest = status
  show(verdict(status))
  byId('about').textContent = about(status)
  byId('foot').textContent =
    `Updated ${clock(status.at)}. Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone}, sizes in SI units.`
  for (const [id, section] of Object.entries(sections)) patch(byId(id), section(status))
  graphs.draw(status)
  document.body.removeAttribute('data-gone')
}

const silent = ({ since, why }: Silence): void => {
  const more = why === '' ? '' : `(${why}) `
  const stale = shownVersion === null ? '' : 'The values below are of that time.'
  show({ level: 'gone', text: `No answer since ${clock(since)}, trying again.`, more: more + stale })
  document.body.setAttribute('data-gone', '')
}

const titles = { well: '', watch: '▲ ', wrong: '✕ ', gone: '… ', wait: '' }

// Set only when it changes: a screen reader may speak the same text again.
const show = ({ level, text, more }: Verdict): void => {
  byId('verdict').dataset.level = level
  for (const [id, words] of [
    ['verdict-text', text],
    ['verdict-more', more],
  ] as const) {
    if (byId(id).textContent !== words) byId(id).textContent = words
  }
  document.title = `${titles[level]}${level === 'well' ? 'mtscope' : text}`
}

const about = ({ version, nodes, at: now }: Status): string => {
  const [first] = nodes
  if (!first) return version
  if (nodes.length > 1) return `${version} on ${nodes.length} nodes`
  return `${version} on ${first.node}, up for ${duration(now - first.startedAt)}`
}

poll<Status>({ ask: (signal) => askJson('/api/status', signal), answered, silent })
