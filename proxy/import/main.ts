import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Left } from './draft.ts'
import { importTexts } from './import-text.ts'

const usage = `usage: mtscope import [--out FILE] FILE...

Reads the configuration of another MTProto proxy and prints the .env that does the same, with its users and limits, so that
their links stay valid. Several files of one proxy are read together. FILE - is the standard input. Runs nothing.

Reads:
  config.py               mtprotoproxy (only assignments of literals)
  *.toml                  mtg 2, telemt, teleproxy
  a shell script, a line of one, or a systemd unit
                          the command line of mtproto-proxy (the official proxy) or teleproxy
  NAME=value lines, docker run -e ..., environment: of a compose file
                          the images of the official proxy and of teleproxy

  --out FILE   writes the .env into FILE (0600), which must not exist
  --help       prints this text

Lines without an equivalent are listed on the standard error, each with its reason. The .env contains secrets.
Exits with 0; with 1 when a file cannot be read or written; with 2 for a wrong option, a file of another kind, or
an .env that mtscope would refuse.
`

const fail = (code: 1 | 2, why: string): never => {
  process.stderr.write(`import: ${why}\n`)
  process.exit(code)
}

const options = () => {
  try {
    return parseArgs({
      options: { out: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    })
  } catch (error) {
    return fail(2, `${error instanceof Error ? error.message : error}; --help lists the options`)
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error)

const largest = 4 * 1024 * 1024

const read = (file: string): string => {
  try {
    const text = readFileSync(file === '-' ? 0 : file, 'utf8')
    return text.length > largest
      ? fail(2, `${file} is larger than 4 MB: no configuration has that size`)
      : text
  } catch (error) {
    return fail(1, `${file} cannot be read (${codeOf(error)})`)
  }
}

const report = (left: readonly Left[], mistakes: readonly string[]): void => {
  const lines = left.map(({ key, shown, why }) => `  ${key}${shown === '' ? '' : ` = ${shown}`}: ${why}\n`)
  if (lines.length > 0) process.stderr.write(`Without an equivalent, or to be looked at:\n${lines.join('')}`)
  if (mistakes.length > 0)
    process.stderr.write(`mtscope would refuse this .env:\n${mistakes.map((one) => `  ${one}\n`).join('')}`)
}

const write = (out: string | undefined, text: string): void => {
  if (out === undefined) return void process.stdout.write(text)
  try {
    writeFileSync(out, text, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const code = codeOf(error)
    fail(
      1,
      code === 'EEXIST'
        ? `${out} exists: move it away, or choose another name`
        : `${out} cannot be written (${code})`,
    )
  }
}

const main = (): void => {
  const { values, positionals } = options()
  if (values.help) return void process.stdout.write(usage)
  if (positionals.length === 0) fail(2, 'no file is given; --help shows the usage')
  const imported = importTexts(positionals.map(read))
  if (!imported.ok) return fail(2, `${positionals[imported.at]} ${imported.why}`)
  const { text, mistakes, left, programs } = imported
  write(
    values.out,
    `# Made by mtscope import, from the configuration of ${[...new Set(programs)].join(' and ')}.\n${text}`,
  )
  report(left, mistakes)
  if (mistakes.length > 0) process.exitCode = 2
}

main()
