import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ensure } from './debian.ts'
import { freePorts } from './ports.ts'
import { buildAlertmanager } from './prometheus-programs.ts'
import { type Service, startService } from './service.ts'

/** The Alertmanager release of compose where Go can build it, else Debian's; null where neither can be installed. */
export const ensureAlertmanager = (): string | null =>
  buildAlertmanager() ?? ensure('prometheus-alertmanager', 'prometheus-alertmanager')

/** Runs amtool; `ok` when it exits with 0. */
export const amtool = (...args: string[]): { readonly ok: boolean; readonly printed: string } => {
  const command = join(dirname(ensureAlertmanager() ?? ''), 'amtool')
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return { ok: status === 0, printed: `${stdout}${stderr}` }
}

export type Alertmanager = Service & { readonly url: string; readonly address: string }

/** An Alertmanager with this configuration, as an object of the shape that its file has. */
export const startAlertmanager = async (config: object): Promise<Alertmanager> => {
  const command = ensureAlertmanager()
  if (command === null)
    throw new Error('Alertmanager is missing: install the package prometheus-alertmanager')
  const [port = 0] = await freePorts(1)
  const address = `127.0.0.1:${port}`
  const url = `http://${address}`
  const service = await startService({
    name: 'alertmanager',
    command,
    args: (folder) => {
      const file = join(folder, 'alertmanager.yaml')
      // JSON is YAML.
      writeFileSync(file, JSON.stringify(config))
      return [
        `--config.file=${file}`,
        `--storage.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
        // Empty: no gossip, so that it listens nowhere else.
        '--cluster.listen-address=',
      ]
    },
    ready: () =>
      fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
  })
  return Object.assign(service, { url, address })
}
