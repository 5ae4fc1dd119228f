export type Command = {
  readonly usage: string
  /** Ends the command with 2: why, and how it is used. */
  readonly refuse: (why: string) => never
}

export const commandOf = (usage: string): Command => ({
  usage,
  refuse: (why) => {
    process.stderr.write(`${why}\n\n${usage}`)
    process.exit(2)
  },
})

/** What `read` gives of the command's words; what it throws is wrong use. */
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

/** A number of the command's words. */
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

/** Those whose names have the word. None is a mistake: it would pass for a run where all was well. */
export const named = <T extends { readonly name: string }>(
  { refuse }: Command,
  all: readonly T[],
  word: string,
): readonly T[] => {
  const found = all.filter(({ name }) => name.includes(word))
  if (found.length > 0) return found
  return refuse(
    `--only ${word}: no name has it. There are:\n${all.map(({ name }) => `  ${name}`).join('\n')}`,
  )
}
