import { parseArgs } from 'node:util'
import { ownTmp } from '../test/runner/own-tmp.ts'
import { type Command, commandOf, wordsOf } from './wrong-use.ts'

/**
 * Starts a proof: its options are --only, --help and those of `defaults`, each with a value. Its temporary files are in a
 * folder of its own, and a signal ends its child processes, too.
 */
export const startProof = <K extends string>(
  name: string,
  usage: string,
  defaults: Readonly<Record<K, string>>,
): { readonly command: Command; readonly values: Readonly<Record<K | 'only', string>> } => {
  const texts = Object.entries<string>({ only: '', ...defaults })
  const options = {
    ...Object.fromEntries(
      texts.map(([option, value]) => [option, { type: 'string', default: value }] as const),
    ),
    help: { type: 'boolean', short: 'h' },
  } as const
  const command = commandOf(usage)
  const values = wordsOf(command, () => parseArgs({ options }).values)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
  ownTmp(name)
  return { command, values: values as Record<K | 'only', string> }
}
