import type { Random } from './random.ts'

/** One part of mtscope that reads bytes of others. A case is its input, so that a file of the corpus repeats it. */
export type Target = {
  readonly name: string
  /** Cases of each million. */
  readonly share: number
  /** Cases at a time; 1 by default. */
  readonly together?: number
  /** Whether it runs here: some need Linux and FFI. */
  readonly runs?: boolean
  /** It runs the native engine, so a part of its cases runs under a stressed collector of garbage, too. */
  readonly native?: boolean
  open(): Opened | Promise<Opened>
}

export type Opened = {
  /** An input. Depends on nothing but `random`. */
  make(random: Random): Buffer
  /**
   * Handles an input. Returns a short name of its outcome: the corpus keeps one input for each. Throws a `Finding` where a
   * promise is broken; any other exception is a crash. Depends on nothing but the input.
   */
  run(input: Buffer): string | Promise<string>
  close?(): void | Promise<void>
}

/**
 * `own-bytes`: bytes of ours at an unauthenticated client. `difference`: an unauthenticated client sees another answer than that
 * of the masking host. `wedged`: it does not end. `wrong`: another broken promise.
 */
export type Kind = 'crash' | 'wedged' | 'own-bytes' | 'difference' | 'wrong'

export class Finding extends Error {
  readonly kind: Kind
  /** Own bytes, or differing ones. */
  readonly bytes: number
  constructor(kind: Kind, message: string, bytes = 0) {
    super(message)
    this.kind = kind
    this.bytes = bytes
  }
}

/** Throws a `Finding` unless `holds`. */
export const promise = (holds: boolean, message: string): void => {
  if (!holds) throw new Finding('wrong', message)
}
