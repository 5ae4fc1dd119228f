import { composeSettings } from '../../proxy/config/compose-settings.ts'
import { settingNames, settings } from '../../proxy/config/settings.ts'

const head = `# Every setting of mtscope with what holds when it is left out. Copy to .env, take the # away, change.
# The process environment wins over .env. Wrong or unknown names are refused, all at once.

# The users. Without any line here, a secret is made for user1 at the first start and kept in DATA_DIR; who has a name
# needs a secret beside it. Make one: openssl rand -hex 16
# USER1_SECRET=
# USER1_NAME=user1
`

const composeHead = `# What follows is for docker compose alone; npm start passes it by.
`

/** The text of compose/.env.example. */
export const envExample = (): string =>
  [
    head,
    ...settingNames.map((name) => `# ${settings[name].doc}\n# ${name}=${settings[name].fallback}\n`),
    composeHead,
    ...Object.entries(composeSettings).map(
      ([name, { fallback, doc }]) => `# ${doc}\n# ${name}=${fallback}\n`,
    ),
  ].join('\n')

/** The settings as rows of a Markdown table. */
const settingsTable = (): string => {
  const rows = settingNames.map((name) => {
    const { fallback, doc } = settings[name]
    return `| \`${name}\` | \`${fallback}\` | ${doc.replaceAll('|', '\\|')} |`
  })
  return [
    '| name | default | meaning |',
    '|---|---|---|',
    '| `USER<n>_SECRET` | of `user1`: made and kept in `DATA_DIR` | 32 hex digits (`openssl rand -hex 16`); weak ones are refused. Made only where no user is written, not even a name |',
    '| `USER<n>_NAME` | `user<n>` | Name of the user in metrics and on the status page |',
    ...rows,
  ].join('\n')
}

const [from, to] = ['<!-- settings -->', '<!-- /settings -->']

/** README.md with the settings between its markers renewed. Throws when the markers are gone. */
export const withSettings = (readme: string): string => {
  const [start, end] = [readme.indexOf(from), readme.indexOf(to)]
  if (start < 0 || end < start) throw new Error(`README.md lacks ${from} or ${to}`)
  return `${readme.slice(0, start + from.length)}\n${settingsTable()}\n${readme.slice(end)}`
}
