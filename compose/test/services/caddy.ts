import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensure } from './debian.ts'
import { accepts, type Service, startService } from './service.ts'

/** Path of Caddy, installed from Debian's package where it is missing; null where it cannot be installed. */
export const ensureCaddy = (): string | null => ensure('caddy', 'caddy')

/** A web site of Caddy on loopback: the TLS of Go. */
export const startCaddy = async (options: {
  readonly port: number
  /** PEM. */
  readonly key: string
  readonly cert: string
  /** Files of its document root, by name. */
  readonly files?: Readonly<Record<string, string | Buffer>>
}): Promise<Service> => {
  const { port, key, cert, files } = options
  const command = ensureCaddy()
  if (command === null) throw new Error('Caddy is not installed')
  const write = (folder: string): string => {
    for (const [file, content] of Object.entries({ 'key.pem': key, 'cert.pem': cert, ...files }))
      writeFileSync(join(folder, file), content)
    const certificate = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
    const server = {
      listen: [`127.0.0.1:${port}`],
      automatic_https: { disable: true },
      tls_connection_policies: [{}],
      routes: [{ handle: [{ handler: 'file_server', root: folder }] }],
    }
    const config = {
      admin: { disabled: true, config: { persist: false } },
      storage: { module: 'file_system', root: folder },
      apps: { tls: { certificates: { load_files: [certificate] } }, http: { servers: { site: server } } },
    }
    writeFileSync(join(folder, 'caddy.json'), JSON.stringify(config))
    return join(folder, 'caddy.json')
  }
  return startService({
    name: 'caddy',
    command,
    args: (folder) => ['run', '--config', write(folder)],
    ready: () => accepts(port),
  })
}
