import type { Description, Fields, Parameter, Schema } from './endpoint.ts'
import { type Problem, problems } from './problem.ts'
import { list, object, text, whole } from './schema.ts'

const problemSchema: Schema = {
  type: 'object',
  description: 'Why a request fails (RFC 9457)',
  required: ['type', 'title', 'status', 'detail'],
  properties: {
    type: text('urn:mtscope:problem: and the kind', { format: 'uri' }),
    title: text('The kind in words'),
    status: whole('The status of the answer'),
    detail: text('What failed, and what to do'),
    errors: list({
      type: 'object',
      required: ['field', 'mistake'],
      properties: {
        field: text('The invalid field, as name or limits.quotaDay'),
        value: { description: 'Its value, unless it is secret' },
        mistake: text('What is wrong, and what to write instead'),
      },
    }),
  },
}

const parametersOf = (where: 'path' | 'query', parameters: Readonly<Record<string, Parameter>>): Schema[] =>
  Object.entries(parameters).map(([name, { schema, doc }]) => ({
    name,
    in: where,
    required: where === 'path',
    description: doc,
    schema,
  }))

const objectOf = (fields: Fields): Schema => {
  const all = Object.entries(fields)
  const required = all.filter(([, field]) => field.required).map(([name]) => name)
  return {
    type: 'object',
    additionalProperties: false,
    ...(required.length > 0 ? { required } : {}),
    properties: Object.fromEntries(
      all.map(([name, field]) => [
        name,
        'fields' in field ? { ...field.schema, ...objectOf(field.fields) } : field.schema,
      ]),
    ),
  }
}

const bodyOf = (fields: Fields): Schema => ({
  required: Object.values(fields).some(({ required }) => required),
  content: { 'application/json': { schema: objectOf(fields) } },
})

/** The problems that an endpoint may answer with, in the order of their status. */
export const problemsOf = ({ open, body, problems: own = [], action }: Description): Problem['problem'][] => {
  const of: Problem['problem'][] = [
    ...(body === undefined ? [] : (['invalid-request', 'length-required', 'too-large', 'not-json'] as const)),
    ...(open ? [] : (['token-required', 'too-many-failures'] as const)),
    ...(open && action === undefined ? [] : (['foreign-origin'] as const)),
    ...own,
  ]
  return [...new Set(of)].sort((a, b) => problems[a].status - problems[b].status)
}

const answersOf = (endpoint: Description): Schema => {
  const { status, doc, schema, contentType = 'application/json' } = endpoint.success
  const content = schema === undefined ? {} : { content: { [contentType]: { schema } } }
  return {
    [status]: { description: doc, ...content },
    ...Object.fromEntries(
      problemsOf(endpoint).map((kind) => [
        problems[kind].status,
        {
          description: problems[kind].title,
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      ]),
    ),
  }
}

const operationOf = (endpoint: Description): Schema => {
  const { id, tag, summary, parameters = {}, query = {}, body, open } = endpoint
  const all = [...parametersOf('path', parameters), ...parametersOf('query', query)]
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(all.length > 0 ? { parameters: all } : {}),
    ...(body === undefined ? {} : { requestBody: bodyOf(body) }),
    responses: answersOf(endpoint),
    security: open ? [] : [{ token: [] }],
  }
}

/** The OpenAPI 3.1 document of the endpoints that a program serves. */
export const documentOf = (endpoints: readonly Description[], version: string): Schema => {
  const paths: Record<string, Record<string, Schema>> = {}
  for (const endpoint of endpoints) {
    const path = `/api/v1${endpoint.path}`
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operationOf(endpoint) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'mtscope',
      version,
      description: 'Users, limits, nodes, status and alerts of an mtscope appliance or fleet.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(endpoints.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem: problemSchema },
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'A token of API_TOKEN, or the one in the file api-token of DATA_DIR',
        },
      },
    },
  }
}

const documentSchema = object({
  openapi: text('3.1.0'),
  info: { type: 'object' },
  paths: { type: 'object' },
})

export const documentEndpoint: Description = {
  id: 'getDocument',
  method: 'GET',
  path: '/openapi.json',
  tag: 'Document',
  summary: 'This document',
  open: true,
  success: { status: 200, doc: 'OpenAPI 3.1', schema: documentSchema },
}
