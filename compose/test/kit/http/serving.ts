import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { type Routes, startHttp } from '../../../../proxy/http/server.ts'

export const nothing: Routes = { expositions: [], unready: () => null, json: {}, page: () => null }

export type Options = Pick<
  Parameters<typeof startHttp>[0],
  'allowedHosts' | 'published' | 'logger' | 'workMs'
>

export const serving = async (routes: Partial<Routes> = {}, host = '127.0.0.1', options: Options = {}) => {
  const server = await startHttp({
    ...options,
    host,
    port: 0,
    portName: 'METRICS_PORT',
    routes: { ...nothing, ...routes },
  })
  return { ...server, [Symbol.asyncDispose]: server.close }
}

export const ask = async (
  port: number,
  path: string,
  {
    method = 'GET',
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
) => {
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const options = { host: '127.0.0.1', port, path, method, headers: { ...length, ...headers }, agent: false }
  const asking = request(options).end(body)
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  const received = Buffer.concat(await response.toArray())
  return { status: response.statusCode, headers: response.headers, body: received }
}
