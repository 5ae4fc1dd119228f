import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensure } from './debian.ts'
import { type Service, startService } from './service.ts'

/** Path of nginx, installed from Debian's package where it is missing; null where it cannot be installed. */
export const ensureNginx = (): string | null => ensure('nginx', 'nginx-light')

export type NginxOptions = {
  /** PEM. */
  readonly key: string
  readonly cert: string
  /** Values of `listen`, as `127.0.0.1:8443 ssl`; Unix sockets may be in the folder. */
  readonly listen: (folder: string) => readonly string[]
  /** More lines of the server block. */
  readonly more?: readonly string[]
  /** Files of its document root, by name. */
  readonly files?: Readonly<Record<string, string | Buffer>>
}

/** A web site. It logs `$remote_addr $proxy_protocol_port $proxy_protocol_addr` of each request to `access.log`, and ends with its process. */
export const startNginx = async (options: NginxOptions): Promise<Service> => {
  const command = ensureNginx()
  if (command === null) throw new Error('nginx is not installed')
  const write = (folder: string): string => {
    for (const [name, content] of Object.entries({
      'key.pem': options.key,
      'cert.pem': options.cert,
      ...options.files,
    }))
      writeFileSync(join(folder, name), content)
    const server = [
      ...options.listen(folder).map((at) => `listen ${at};`),
      `ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;`,
      'ssl_protocols TLSv1.2 TLSv1.3;',
      `root ${folder};`,
      ...(options.more ?? []),
    ]
    const config = `
      daemon off; master_process off; pid ${folder}/pid; error_log stderr notice;
      events { worker_connections 512; }
      http {
        log_format seen '$remote_addr $proxy_protocol_port $proxy_protocol_addr $uri';
        access_log ${folder}/access.log seen;
        client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
        uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
        server { ${server.join('\n')} }
      }`
    writeFileSync(join(folder, 'nginx.conf'), config)
    return join(folder, 'nginx.conf')
  }
  return startService({
    name: 'nginx',
    command,
    args: (folder) => ['-c', write(folder), '-p', folder],
    // Printed when it listens.
    ready: (printed) => printed.includes('using the "epoll" event method'),
  })
}
