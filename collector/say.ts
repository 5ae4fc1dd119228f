/** How a program tells its operator something: a level, a plain sentence, and fields. */
export type Say = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, string | number | boolean | null | undefined>>,
) => void
