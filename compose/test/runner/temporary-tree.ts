import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const url = (name: string): string => JSON.stringify(import.meta.resolve(name))

/** In front of each test: uvu and fast-check as they are installed here. */
const head = `import { test } from ${url('uvu')}\nimport fc from ${url('fast-check')}\nvoid fc\n`

export type Run = {
  readonly child: ChildProcess
  readonly printed: () => string
  /** Resolves with the exit code when the program has ended. */
  readonly ended: Promise<number | null>
}

/** For tests of the runner: a tree of these test files (path → body), and the runner's programs on it. */
export const temporaryTree = (files: Readonly<Record<string, string>>) => {
  const root = mkdtempSync(join(tmpdir(), 'mtscope-tree-'))
  const put = (path: string, body: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), `${head}${body}\ntest.run()\n`)
  }
  for (const [path, body] of Object.entries(files)) put(path, body)
  const start = (module: string, name: string, args: readonly string[]): Run => {
    const code = `import { ${name} } from ${JSON.stringify(join(import.meta.dirname, module))}
      const code = await ${name}(${JSON.stringify(root)}, ${JSON.stringify(args)})
      if (code !== undefined) process.exitCode = code`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, CI: '' },
    })
    let printed = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text
      })
    const ended = new Promise<number | null>((done) => child.once('close', (code) => done(code)))
    return { child, printed: () => printed, ended }
  }
  return {
    root,
    put,
    /** `npm test` */
    test: (...args: string[]): Run => start('run.ts', 'runTests', args),
    /** `npm run properties` */
    properties: (...args: string[]): Run => start('run-properties.ts', 'runProperties', args),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}
