import { duration, mistaken, parsed } from '../config/parse.ts'
import type { Endpoint, Field } from './endpoint.ts'
import { problem } from './problem.ts'
import { list, moment, number, object, oneOf, orNull, text, whole, yesOrNo } from './schema.ts'

/** An open connection; its bytes are those that its last `connection.progress` reported. */
export type UserConnection = {
  readonly connection: string
  readonly prefix: string
  readonly acceptedAt: number
  readonly phase: string
  readonly mode: string
  readonly dc: number
  readonly media: boolean
  readonly worker: number
  readonly bytesToClient: number
  readonly bytesToDatacenter: number
}

export type Reloaded =
  | {
      readonly ok: true
      readonly users: number
      readonly added: readonly string[]
      readonly removed: readonly string[]
      /** Settings that changed and take effect at the next start. */
      readonly needRestart: readonly string[]
    }
  | { readonly ok: false; readonly mistakes: readonly string[] }

/** What a proxy does at its own node. */
export type NodePort = {
  readonly name: string
  /** The newest first, `most` of them; null: the node has no such user. */
  readonly connectionsOf: (
    user: string,
    most: number,
  ) => { readonly open: number; readonly connections: readonly UserConnection[] } | null
  /** As SIGHUP. */
  readonly reload: () => Reloaded
  /** As SIGTERM; null: DRAIN_SECONDS. Returns the time that the connections get, ms. */
  readonly drain: (ms: number | null) => number
}

const mostConnections = 1_000

const connection = object({
  connection: text('Id of the connection, and of its trace: 32 hex digits'),
  prefix: text('Network of the client, as 203.0.113.0/24'),
  acceptedAt: moment('When the client connected'),
  phase: oneOf('Stage of the connection', ['hello', 'dial', 'waiting', 'relaying', 'fronting']),
  mode: oneOf('Mode', ['classic', 'secure', 'tls']),
  dc: whole('Datacenter'),
  media: yesOrNo('Whether it serves files'),
  worker: whole('Relay thread'),
  bytesToClient: whole('Bytes to the client, up to a minute old'),
  bytesToDatacenter: whole('Bytes to the datacenter, up to a minute old'),
})

const seconds: Field = {
  schema: orNull({
    type: 'number',
    minimum: 0,
    maximum: 3_600,
    description: 'Maximum time for connections to end; DRAIN_SECONDS by default',
  }),
  read: (value) => {
    if (value === null) return parsed(null)
    return typeof value === 'number'
      ? duration(0, 3_600)(String(value))
      : mistaken('must be a number of seconds from 0 to 3600')
  },
}

export const nodeEndpoints: readonly Endpoint<NodePort>[] = [
  {
    id: 'listConnections',
    method: 'GET',
    path: '/users/{user}/connections',
    tag: 'Node',
    summary: 'Open connections of a user at this node, the newest first',
    parameters: { user: { schema: { type: 'string' }, doc: 'Name of the user' } },
    success: {
      status: 200,
      doc: `The connections, at most ${mostConnections}`,
      schema: object({
        node: text('Name of this node'),
        open: whole('Number of open connections of the user at this node'),
        connections: list(connection),
      }),
    },
    problems: ['not-found'],
    act: ({ name, connectionsOf }, { path: { user = '' } }) => {
      const found = connectionsOf(user, mostConnections)
      return found === null
        ? problem(
            'not-found',
            `user=${user} does not exist at node ${name}: take a name of GET /api/v1/users`,
          )
        : { status: 200, value: { node: name, ...found } }
    },
  },
  {
    id: 'reloadNode',
    method: 'POST',
    path: '/node/reload',
    tag: 'Node',
    summary: 'Reads users and settings again, as SIGHUP does; connections go on',
    action: 'node.reload',
    success: {
      status: 200,
      doc: 'The users in use now',
      schema: object({
        node: text('Name of this node'),
        users: whole('Number of users'),
        added: list(text('Name of a user')),
        removed: list(text('Name of a user')),
        needRestart: list(text('Setting that changed and takes effect at the next start')),
      }),
    },
    problems: ['refused'],
    act: ({ name, reload }) => {
      const reloaded = reload()
      if (reloaded.ok) {
        const { ok: _, ...users } = reloaded
        return { status: 200, value: { node: name, ...users }, target: name }
      }
      const errors = reloaded.mistakes.map((mistake) => ({ field: 'settings', mistake }))
      const detail =
        'the settings of the node are invalid: correct them and reload again; the old ones stay in use'
      return problem('refused', detail, { errors })
    },
  },
  {
    id: 'drainNode',
    method: 'POST',
    path: '/node/drain',
    tag: 'Node',
    summary: 'Stops accepting, lets connections end, and ends the process, as SIGTERM does',
    action: 'node.drain',
    body: { seconds },
    success: {
      status: 202,
      doc: 'The node drains',
      schema: object({
        node: text('Name of this node'),
        seconds: number('Time that the connections get'),
      }),
    },
    act: ({ name, drain }, { body: { seconds } }) => {
      const ms = drain(typeof seconds === 'number' ? seconds : null)
      return { status: 202, value: { node: name, seconds: ms / 1_000 }, target: name }
    },
  },
]
