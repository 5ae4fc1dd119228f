import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Node, SourceFile, TypeNode } from 'typescript/unstable/ast'
import {
  isIntersectionTypeNode,
  isPropertySignatureDeclaration,
  isTypeAliasDeclaration,
  isTypeLiteralNode,
  isTypeReferenceNode,
  isUnionTypeNode,
} from 'typescript/unstable/ast/is'
import { API } from 'typescript/unstable/sync'

type Alias = { readonly type: TypeNode; readonly parameter: string | undefined; readonly doc: string }
type Aliases = ReadonlyMap<string, Alias>
type Field = {
  readonly name: string
  readonly type: string
  readonly optional: boolean
  readonly doc: string
}

const eventFiles = [
  'contract.ts',
  'terms.ts',
  'sample.ts',
  'middle-proxy.ts',
  'networks.ts',
  'upstream.ts',
  'api-action.ts',
  'user-event.ts',
  'summary.ts',
  'header-refusal.ts',
]
const files = eventFiles.map((file) => fileURLToPath(new URL(file, import.meta.url)))
export const readme = fileURLToPath(new URL('README.md', import.meta.url))

const introduction = `# Events

Generated from \`contract.ts\` and \`sample.ts\` by \`node proxy/events/reference.ts\`; a test compares.

The contract between proxy and collector: a closed union of all events. The folder imports nothing of ours, so that both
sides can depend on it.

| file | content |
|---|---|
| \`contract.ts\`, \`terms.ts\`, \`envelope.ts\`, \`sample.ts\`, \`summary.ts\`, \`header-refusal.ts\`, \`middle-proxy.ts\`, \`networks.ts\`, \`upstream.ts\`, \`user-event.ts\` | the types of all events |
| \`shapes.ts\`, \`sets.ts\`, \`checks.ts\`, \`upstream-checks.ts\` | the check of every field when an event is read |
| \`upcast.ts\` | lifts old versions to the newest |
| \`codec.ts\` | batches to and from JSON |
| \`outcome.ts\` | which closes are drops, which answers are slow |
| \`signed-refusal.ts\` | which rejected handshakes point at a fault of ours |
| \`examples.ts\`, \`fixtures/\` | one event of each type; its bytes in every shipped version |
| \`reference.ts\` | generates this file |

**Versions.** A shipped version never changes. A new shape is a new \`v\`, a line in \`upcast.ts\` that lifts the old one, and
a golden file in \`fixtures\`.

**Place.** In memory an event has \`v\`, \`type\` and \`at\` (epoch, ms). The event log adds \`node\`, \`boot\` (new at every start)
and \`seq\` (from 1, without gaps), which together identify an event permanently. A message carries a batch,
\`{"node":…,"boot":…,"seq":…,"events":[…]}\`, with the \`seq\` of its first event.

**Losses.** Where a stored event cannot be read, \`codec.ts\` returns an \`events.lost\` in its place: no loss is silent.

**Connections.** \`connection\` is a trace id of 32 hex digits; the last 16 are the id of the root span.

**Privacy.** No event has a secret, a key, a payload or the full address of a client. \`privacy.unit.test.ts\` checks the names
of all fields and what the shapes accept.
`

/** The text of README.md, from the types and comments of contract.ts and sample.ts. Runs the compiler: half a second. */
export const generate = (): string => {
  const api = new API({ cwd: fileURLToPath(new URL('../../', import.meta.url)) })
  try {
    const [project] = api.updateSnapshot({ openFiles: files }).getProjects()
    const aliases = new Map(files.flatMap((file) => aliasesIn(project?.program.getSourceFile(file))))
    return introduction + sections(aliases)
  } finally {
    api.close()
  }
}

const aliasesIn = (source: SourceFile | undefined): [string, Alias][] => {
  if (source === undefined) throw new Error('proxy/events: the compiler cannot find contract.ts or sample.ts')
  return source.statements.filter(isTypeAliasDeclaration).map((alias) => [
    alias.name.text,
    {
      type: alias.type,
      parameter: alias.typeParameters?.[0]?.name.text,
      doc: docIn(source.text.slice(alias.pos, alias.getStart())),
    },
  ])
}

const sections = (aliases: Aliases): string => {
  const linkedTypes = new Set<string>()
  const table = (fields: readonly Field[]): string => {
    const rows = fields.map(({ name, type, optional, doc }) => {
      for (const word of type.match(/\w+/g) ?? []) if (aliases.has(word)) linkedTypes.add(word)
      return `| \`${name}\`${optional ? ' ?' : ''} | ${linked(type, aliases)} | ${doc} |\n`
    })
    return `| field | type | |\n|---|---|---|\n${rows.join('')}`
  }

  let out = ''
  for (const [title, name] of Object.entries({
    'Connection events': 'ConnectionEvent',
    'Process events': 'ProcessEvent',
    'User events': 'UserEvent',
    'Alert events': 'AlertEvent',
  })) {
    const union = aliasOf(name, aliases)
    out += `\n## ${title}\n${paragraph(union.doc)}`
    for (const { type, doc } of members(union.type)) {
      if (!isTypeReferenceNode(type)) continue
      const [event, version, fields] = type.typeArguments ?? []
      if (!event || !version || !fields) throw new Error(`${name} has a member that is not an Event`)
      out += `\n### ${event.getText().slice(1, -1)} @${version.getText()}\n${paragraph(doc)}\n`
      out += table(fieldsOf(fields, aliases))
    }
  }

  out += '\n## Types\n'
  for (const name of linkedTypes) {
    const { type, doc } = aliasOf(name, aliases)
    out += `\n### ${name}\n${paragraph(doc)}\n`
    if (isTypeLiteralNode(type)) out += table(fieldsOf(type, aliases))
    else {
      for (const member of members(type)) {
        const shown = linked(member.type.getText(), aliases)
        for (const word of member.type.getText().match(/\w+/g) ?? [])
          if (aliases.has(word)) linkedTypes.add(word)
        out += `- ${shown}${member.remark && `: ${member.remark}`}\n`
      }
    }
  }
  return out
}

const textOf = (node: Node): string => node.getSourceFile().text

/** The fields of a type. Follows names, intersections, `Partial` and one type parameter. */
const fieldsOf = (
  type: TypeNode,
  aliases: Aliases,
  given: ReadonlyMap<string, readonly Field[]> = new Map(),
): readonly Field[] => {
  if (isIntersectionTypeNode(type)) return type.types.flatMap((part) => fieldsOf(part, aliases, given))
  if (isTypeLiteralNode(type)) {
    return type.members.filter(isPropertySignatureDeclaration).map((member) => ({
      name: member.name.getText(),
      type: member.type.getText(),
      optional: member.postfixToken !== undefined,
      doc: docIn(textOf(member).slice(member.pos, member.getStart())),
    }))
  }
  if (!isTypeReferenceNode(type)) throw new Error(`contract.ts: cannot read the fields of ${type.getText()}`)
  const name = type.typeName.getText()
  const [argument] = (type.typeArguments ?? []).map((each) => fieldsOf(each, aliases, given))
  const parameter = given.get(name)
  if (parameter !== undefined) return parameter
  if (name === 'Partial') return (argument ?? []).map((field) => ({ ...field, optional: true }))
  const alias = aliasOf(name, aliases)
  return fieldsOf(alias.type, aliases, new Map([[alias.parameter ?? '', argument ?? []]]))
}

/** The members of a union, or the type itself, each with its doc comment and its `// remark`. */
const members = (
  type: TypeNode,
): { readonly type: TypeNode; readonly doc: string; readonly remark: string }[] => {
  const types: readonly TypeNode[] = isUnionTypeNode(type) ? type.types : [type]
  return types.map((member, index) => ({
    type: member,
    doc: docIn(textOf(type).slice(types[index - 1]?.end ?? type.pos, member.getStart())),
    remark: /^[ \t]*\/\/ (.*)/.exec(textOf(type).slice(member.end))?.[1] ?? '',
  }))
}

/** The doc comment at the end of `gap`, the text before a declaration, on one line. */
const docIn = (gap: string): string =>
  (/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/[ \t]*\n?[ \t|]*$/.exec(gap)?.[1] ?? '')
    .replace(/^\s*\* ?/gm, '')
    .replace(/\s+/g, ' ')
    .trim()

const linked = (type: string, aliases: Aliases): string =>
  aliases.has(type)
    ? `[${type}](#${type.toLowerCase()})`
    : `\`${type.replace(/^'(.*)'$/, '$1').replaceAll('|', '\\|')}\``

const paragraph = (doc: string): string => (doc === '' ? '' : `\n${doc}\n`)

const aliasOf = (name: string, aliases: Aliases): Alias => {
  const alias = aliases.get(name)
  if (alias === undefined) throw new Error(`contract.ts has no type ${name}`)
  return alias
}

if (import.meta.main) writeFileSync(readme, generate())
