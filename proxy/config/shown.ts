import { type Config, plainFields } from './config.ts'
import { type SettingName, settings } from './settings.ts'

/** Field of Config → the setting that it comes from. Fields that are not listed are never shown. */
const settingOf = {
  ...plainFields,
  maskHost: 'MASK_HOST',
  clockSkewSeconds: 'CLOCK_SKEW',
  workers: 'WORKERS',
  node: 'NODE_NAME',
} as const satisfies Readonly<Partial<Record<keyof Config, SettingName>>>

const text = (value: unknown): string =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)

const textOf = (field: keyof typeof settingOf, config: Config): string =>
  field === 'tlsDomain' ? config.tlsDomain.join(',') : text(config[field])

const onOrOff = (value: unknown): string => (value === null ? 'off' : 'on')

/**
 * The settings in `process.started`, by field of Config: those that the table shows everywhere, the number of users, the
 * numbers of the datacenters, the names of the upstreams, and whether Kafka, Redis and the webhook are configured.
 */
export const shownSettings = (config: Config): Readonly<Record<string, string>> => {
  const fields = Object.keys(settingOf) as (keyof typeof settingOf)[]
  const everywhere = fields.filter((field) => {
    const setting = settings[settingOf[field]]
    return 'shown' in setting && setting.shown === 'everywhere'
  })
  return {
    ...Object.fromEntries(everywhere.map((field) => [field, textOf(field, config)])),
    users: String(config.users.length),
    kafka: onOrOff(config.kafka),
    redis: onOrOff(config.redis),
    webhook: onOrOff(config.webhook),
    datacenters: [...config.datacenters.keys()].join(','),
    upstreams: config.upstreams?.map(({ name }) => name).join(',') ?? 'direct',
  }
}
