export type Command = {
  readonly usage: string
  /** Prints `why` and the usage, and exits 2. */
  readonly refuse: (why: string) => never
}

export const commandOf = (usage: string): Command => ({
  usage,
  refuse: (why) => {
    process.stderr.write(`${why}\n\n${usage}`)
    process.exit(2)
  },
})

/** The options that `read` returns. If it throws, the command exits 2; with --help it prints the usage and exits 0. */
export const wordsOf = <T>({ usage, refuse }: Command, read: () => T & { help?: boolean | undefined }): T => {
  let values: T & { help?: boolean | undefined }
  try {
    values = read()
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
  if (values.help !== true) return values
  process.stdout.write(usage)
  return process.exit(0)
}

/** The number in `text`, the value of --`name`; exits 2 if it is out of range. */
export const numberOf = (
  { refuse }: Command,
  name: string,
  text: string,
  { least, most, whole = false }: { readonly least: number; readonly most: number; readonly whole?: boolean },
): number => {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value
  return refuse(`--${name} ${text}: give a ${whole ? 'whole ' : ''}number from ${least} to ${most}`)
}

/** The entries whose names contain `word`. Exits 2 if there are none: a run of nothing would look like a success. */
export const named = <T extends { readonly name: string }>(
  { refuse }: Command,
  all: readonly T[],
  word: string,
): readonly T[] => {
  const found = all.filter(({ name }) => name.includes(word))
  if (found.length > 0) return found
  return refuse(
    `--only ${word}: no name contains it. Names:\n${all.map(({ name }) => `  ${name}`).join('\n')}`,
  )
}
