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
