import { parseArgs } from 'node:util'

export const usage = `usage: npm test [-- [--unit] [--int] [--e2e] [--all] [--watch] [word...]]

Runs the linter, the compiler and every test file, each in a process of its own. Installs the servers that the tests need.

  --unit   only *.unit.test.ts: no process, no server, no socket beyond loopback
  --int    only *.int.test.ts: real servers (Redis, Kafka, Prometheus, Docker) and processes
  --e2e    only *.e2e.test.ts: whole programs against real servers
  --all    also build the servers that no package manager has, and run their tests; so does CI=true
  --watch  run again when a file changes, until Ctrl-C
  word     only tasks with one of the words in their name

With CI=true a skipped test counts as a failed one. npm run test:unit, test:int, test:e2e, test:all and test:watch are short forms.
`

export const kinds = ['unit', 'int', 'e2e'] as const
export type Kind = (typeof kinds)[number]

export type Options = {
  /** Empty: every kind, the linter and the compiler. */
  readonly kinds: readonly Kind[]
  readonly words: readonly string[]
  /** Build test servers from source where they are missing. */
  readonly build: boolean
  /** A skipped test counts as a failed one. */
  readonly strict: boolean
  readonly watch: boolean
}

/** The options of a run, or the text and exit code with which the program ends instead. */
export const readOptions = (
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Options | { readonly exit: number; readonly text: string } => {
  const flag = { type: 'boolean' } as const
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        unit: flag,
        int: flag,
        e2e: flag,
        all: flag,
        watch: flag,
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) return { exit: 0, text: usage }
    const strict = env.CI === 'true'
    return {
      kinds: kinds.filter((kind) => values[kind]),
      words: positionals,
      build: strict || values.all === true,
      strict,
      watch: values.watch === true,
    }
  } catch (error) {
    return { exit: 2, text: `${error instanceof Error ? error.message : String(error)}\n\n${usage}` }
  }
}
