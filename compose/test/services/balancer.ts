import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensure, find } from './debian.ts'
import { freePorts } from './ports.ts'
import { accepts, startService } from './service.ts'

/** Path of haproxy, installed from Debian's package where it is missing; null where it cannot be installed. */
export const ensureHaproxy = (): string | null => ensure('haproxy', 'haproxy')

export const nginxStream = '../lib/nginx/modules/ngx_stream_module.so'

/** The same for nginx's module for streams, from a folder of commands. */
export const ensureNginxStream = (): string | null =>
  ensure(nginxStream, 'nginx-light', 'libnginx-mod-stream')

/** A load balancer on loopback. */
export type Balancer = AsyncDisposable & { readonly port: number }

/** Starts a command with one configuration file. */
const start = async (
  name: string,
  command: string,
  configuration: (port: number, folder: string) => string,
  args: (file: string) => readonly string[],
): Promise<Balancer> => {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), `mtscope-${name}-`))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'configuration')
  const [port = 0] = await freePorts(1)
  writeFileSync(file, configuration(port, folder))
  stack.use(
    await startService({
      name,
      command: find(command) ?? command,
      args: () => args(file),
      ready: () => accepts(port),
    }),
  )
  const owned = stack.move()
  return { port, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/**
 * HAProxy in front of `server` (`127.0.0.1:443`, or `unix@/path`), with options of its line, as `send-proxy-v2 check inter 200ms`.
 * It has accepted before it has connected: a server that refuses ends the client's connection.
 */
export const startHaproxy = (server: string, options: string): Promise<Balancer> =>
  start(
    'haproxy',
    'haproxy',
    (port) => `defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen mtscope
  bind 127.0.0.1:${port}
  server proxy ${server} ${options}
`,
    (file) => ['-db', '-f', file],
  )

/** nginx in front of `server` (`127.0.0.1:443`, or `unix:/path`), with the PROXY protocol, version 1. */
export const startNginxStream = (server: string): Promise<Balancer> =>
  start(
    'nginx',
    'nginx',
    (port, folder) => `load_module ${ensureNginxStream()};
daemon off;
pid ${folder}/pid;
error_log ${folder}/log;
master_process off;
events {}
stream {
  server { listen 127.0.0.1:${port}; proxy_pass ${server}; proxy_protocol on; }
}
`,
    (file) => ['-c', file],
  )
