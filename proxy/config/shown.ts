import type { Config } from './config.ts'

/** The settings as `process.started` tells them: without users' secrets, and without anyone's addresses. */
export const reported = (config: Config): Readonly<Record<string, string>> => {
  const {
    users,
    datacenters,
    publicHost: _,
    publicHostFrom: __,
    dataDir: ___,
    metricsAllowedHosts: ____,
    kafka,
    redis,
    webhook,
    ...rest
  } = config
  const settings = Object.entries(rest).map(([name, value]): [string, string] => [
    name,
    typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value),
  ])
  return Object.fromEntries([
    ...settings,
    ['users', String(users.length)],
    ['kafka', kafka === null ? 'off' : 'on'],
    ['redis', redis === null ? 'off' : 'on'],
    ['webhook', webhook === null ? 'off' : 'on'],
    ['datacenters', [...datacenters.keys()].join(',')],
  ])
}
