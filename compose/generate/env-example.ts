import { composeSettings } from '../../proxy/config/compose-settings.ts'
import { settingNames, settings } from '../../proxy/config/settings.ts'

const head = `# Every setting of mtscope with its default. Copy this file to .env, uncomment a line, and change the value.
# The process environment takes precedence over .env. A program that finds unknown names or invalid values reports all of them
# and exits.

# The users. If none is set, the first start generates a secret for user1 and stores it in DATA_DIR. A USER<n>_NAME requires a
# USER<n>_SECRET. To generate one: openssl rand -hex 16
# USER1_SECRET=
# USER1_NAME=user1
`

const composeHead = `# Settings of docker compose only; npm start ignores them.
`

/** Text of compose/.env.example. */
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
    '| `USER<n>_SECRET` | for `user1`: generated, stored in `DATA_DIR` | 32 hex digits (`openssl rand -hex 16`); weak ones are refused. Generated only if no `USER<n>_` setting exists |',
    '| `USER<n>_NAME` | `user<n>` | Name of the user in metrics and on the status page |',
    ...rows,
  ].join('\n')
}

const [from, to] = ['<!-- settings -->', '<!-- /settings -->']

/** `readme` with the current settings between its markers. Throws if a marker is missing. */
export const withSettings = (readme: string): string => {
  const [start, end] = [readme.indexOf(from), readme.indexOf(to)]
  if (start < 0 || end < start) throw new Error(`README.md lacks ${from} or ${to}`)
  return `${readme.slice(0, start + from.length)}\n${settingsTable()}\n${readme.slice(end)}`
}
