import { copyOf, ensureGoProgram, goProgramPath } from './go-program.ts'

const actionlint = { name: 'actionlint', version: '1.7.12' }
export const actionlintPath = goProgramPath(actionlint)

/** actionlint, which checks GitHub workflows against their schema; null where it is missing and cannot be built. */
export const ensureActionlint = (): string | null =>
  ensureGoProgram({
    ...actionlint,
    sources: copyOf('github.com/rhysd/actionlint', actionlint.version),
    package: './cmd/actionlint',
  })
