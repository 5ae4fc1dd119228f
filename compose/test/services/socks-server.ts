import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensure } from './debian.ts'
import { freePorts } from './ports.ts'
import { accepts, type Service, startService } from './service.ts'

/** Paths of microsocks and of Dante's server, installed from Debian's packages where they are missing; null where they cannot be. */
export const ensureMicrosocks = (): string | null => ensure('microsocks', 'microsocks')
export const ensureDante = (): string | null => ensure('danted', 'dante-server')

export type SocksServer = Service & { readonly port: number }
/** Without it a server takes every client. */
export type SocksLogin = { readonly user: string; readonly password: string }

/** Starts microsocks on loopback. */
export const startMicrosocks = async (login?: SocksLogin): Promise<SocksServer> => {
  const command = ensureMicrosocks()
  if (command === null) throw new Error('microsocks is missing: install the package microsocks')
  const [port = 0] = await freePorts(1)
  const service = await startService({
    name: 'microsocks',
    command,
    args: () => [
      ...['-i', '127.0.0.1', '-p', `${port}`],
      ...(login === undefined ? [] : ['-u', login.user, '-P', login.password]),
    ],
    ready: () => accepts(port),
  })
  return Object.assign(service, { port })
}

/** Starts Dante's server on loopback, for every client. */
export const startDante = async (): Promise<SocksServer> => {
  const command = ensureDante()
  if (command === null) throw new Error('danted is missing: install the package dante-server')
  const [port = 0] = await freePorts(1)
  const service = await startService({
    name: 'dante',
    command,
    args: (folder) => {
      const file = join(folder, 'danted.conf')
      writeFileSync(
        file,
        [
          'logoutput: stderr',
          `internal: 127.0.0.1 port = ${port}`,
          'external: lo',
          'clientmethod: none',
          'socksmethod: none',
          'client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }',
          'socks pass { from: 0.0.0.0/0 to: 127.0.0.1/32 }',
          '',
        ].join('\n'),
      )
      return ['-f', file, '-p', join(folder, 'danted.pid')]
    },
    ready: () => accepts(port),
  })
  return Object.assign(service, { port })
}
