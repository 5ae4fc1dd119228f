import type { Source } from '../sources/imports.ts'

/** Returns one message for each mistake in a file. The test prints each behind the path of the file. */
export type Rule = (source: Source) => readonly string[]

const textOrComment = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\/\*[\s\S]*?\*\/|(?<![:\w\\])\/\/[^\n]*/g

/** The code with comments and quoted texts replaced by spaces. A regular expression, not a parser: template literals stay. */
export const codeOf = (text: string): string =>
  text.replace(textOrComment, (found) => found.replace(/[^\n'"]/g, ' '))
