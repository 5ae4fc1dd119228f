import type { Parsed } from '../config/parse.ts'
import type { ApiAction } from '../events/api-action.ts'
import type { Problem } from './problem.ts'

/** JSON Schema 2020-12, as OpenAPI 3.1 uses it. */
export type Schema = Readonly<Record<string, unknown>>

/** One field of a body: its schema for the document, and the check that names the remedy. */
export type Field = Value | (Named & { readonly fields: Fields })

type Named = {
  readonly schema: Schema
  readonly required?: true
  /** Its value appears in no answer. */
  readonly secret?: true
}
type Value = Named & { readonly read: (value: unknown) => Parsed<unknown> }
/** An object of fields has `fields` in place of `read`. */
export type Fields = Readonly<Record<string, Field>>

export type Parameter = { readonly schema: Schema; readonly doc: string }

export type Input = {
  /** Decoded. */
  readonly path: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** Checked by the fields of the endpoint; those that the client did not send are missing. */
  readonly body: Readonly<Record<string, unknown>>
  /** The name of the token. */
  readonly by: string
}

export type Success = {
  readonly status: 200 | 201 | 202 | 204
  /** Sent as JSON; a text with a content type of its own is sent as it is. */
  readonly value?: unknown
  readonly contentType?: 'image/svg+xml'
  readonly headers?: Readonly<Record<string, string>>
  /** What was changed, for the event. */
  readonly target?: string
}

export type Outcome = Success | Problem

/** The description of an endpoint. Router and document are both made of it. */
export type Description = {
  /** `operationId` in the document. */
  readonly id: string
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Below `/api/v1`, with `{name}` for a part that varies. */
  readonly path: string
  readonly tag: string
  readonly summary: string
  /** Needs no token. */
  readonly open?: true
  /** Changes something: the action in the event `api.changed`. */
  readonly action?: ApiAction
  readonly parameters?: Readonly<Record<string, Parameter>>
  readonly query?: Readonly<Record<string, Parameter>>
  readonly body?: Fields
  readonly success: {
    readonly status: Success['status']
    readonly doc: string
    readonly schema?: Schema
    readonly contentType?: 'image/svg+xml'
  }
  readonly problems?: readonly Problem['problem'][]
}

/** An endpoint with what it does on `P`, the part of the program that it controls. */
export type Endpoint<P> = Description & {
  readonly act: (port: P, input: Input) => Outcome | Promise<Outcome>
}

export type Bound = Description & { readonly act: (input: Input) => Outcome | Promise<Outcome> }

/** Without a port the endpoints do not exist. */
export const bound = <P>(table: readonly Endpoint<P>[], port: P | undefined): readonly Bound[] =>
  port === undefined
    ? []
    : table.map((endpoint) => ({ ...endpoint, act: (input) => endpoint.act(port, input) }))
