import { join } from 'node:path'
import { tlsDomain } from './far-ends.ts'

/** Settings of an appliance that is measured: nothing runs in it that the load does not cause. */
export const measuredSettings = ({
  folder,
  secret,
  datacenter,
}: {
  readonly folder: string
  /** 32 hex digits. */
  readonly secret: string
  /** host:port of datacenter 2. */
  readonly datacenter: string
}): Readonly<Record<string, string>> => ({
  MTPROTO_PORT: '0',
  MTPROTO_HOST: '127.0.0.1',
  METRICS_PORT: '0',
  DATA_DIR: join(folder, 'data'),
  USER1_SECRET: secret,
  TLS_DOMAIN: tlsDomain,
  MASK_HOST: 'off',
  PROBE_INTERVAL: '0',
  DOCTOR_INTERVAL: '0',
  PUBLIC_HOST_FROM: 'none',
  WORKERS: '2',
  TELEGRAM_DATACENTERS: `2=${datacenter}`,
})
