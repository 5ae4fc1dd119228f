import { alertsFile } from '../../dashboards/alerts/alerts.ts'
import { boardFile, boards } from '../../dashboards/boards/boards.ts'
import { openapiFile } from '../../proxy/api/document.ts'
import { generate as eventsReference } from '../../proxy/events/reference.ts'
import { withDigests } from '../docker/mounted.ts'
import { envExample } from './env-example.ts'
import { settingsReference, withSettings } from './settings-reference.ts'

/** A generated file in the repository. `text` gets its current content, of which files that are generated in part keep the rest. */
export type Generated = {
  readonly path: string
  readonly text: (current: string) => string | Promise<string>
}

/** All generated files: `npm run generate` writes them, the house test compares them. */
export const generated: readonly Generated[] = [
  { path: 'compose/.env.example', text: envExample },
  { path: 'docs/settings.md', text: settingsReference },
  { path: 'README.md', text: withSettings },
  { path: 'proxy/events/README.md', text: eventsReference },
  { path: 'dashboards/out/alerts.yaml', text: () => alertsFile() },
  ...boards.map((board) => ({ path: `dashboards/out/${board.uid}.json`, text: () => boardFile(board) })),
  { path: 'docs/openapi.json', text: () => openapiFile() },
  // Last, because it contains hashes of the others.
  { path: 'compose/docker/compose.stack.yaml', text: withDigests },
]
