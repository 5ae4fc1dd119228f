import { dotenvText } from './dotenv-text.ts'
import { type Left, startDraft } from './draft.ts'
import { recognise } from './recognise.ts'

export type Imported =
  | {
      readonly ok: true
      /** The programs that the texts are for. */
      readonly programs: readonly string[]
      /** Text of an `.env` file. */
      readonly text: string
      /** What `mtscope start` would refuse in it; empty if it can run. */
      readonly mistakes: readonly string[]
      readonly left: readonly Left[]
    }
  /** The text at this place is not a configuration that is known. */
  | { readonly ok: false; readonly at: number; readonly why: string }

/** The configuration of another proxy, in one text or several. Runs nothing; never throws for what a text holds. */
export const importTexts = (texts: readonly string[]): Imported => {
  const draft = startDraft()
  const programs: string[] = []
  for (const [at, text] of texts.entries()) {
    const recognised = recognise(text)
    if (!recognised.ok) return { ok: false, at, why: recognised.why }
    recognised.found.take(draft)
    programs.push(recognised.found.program)
  }
  return { ok: true, programs, ...dotenvText(draft), left: draft.left }
}
