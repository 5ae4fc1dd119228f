import { statSync } from 'node:fs'
import { clashes } from '../../user-store/decide.ts'
import { UserError } from '../../user-store/errors.ts'
import { openUserStore } from '../../user-store/open.ts'
import { SecretsError } from '../../users/secret-store.ts'
import { type Check, type Finding, finding } from '../finding.ts'

const id = 'users.store'
const silent = (): void => {}

/** The text of an error of the store ends with what to do. */
const judged = (verdict: Finding['verdict'], text: string): Finding => {
  const cut = text.lastIndexOf(': ')
  return finding(id, verdict, text.slice(0, cut), { advice: text.slice(cut + 2) })
}

/** Reads the user store as `mtscope users` does, and changes nothing. */
export const usersCheck: Check = async ({ config }) => {
  if (statSync(config.dataDir, { throwIfNoEntry: false }) === undefined)
    return [finding(id, 'ok', `no proxy has used DATA_DIR ${config.dataDir} yet: there is no user store`)]
  const ofSettings = config.users
  try {
    const store = await openUserStore({
      ...{ config, logger: silent, ofSettings: () => ofSettings, follow: false },
      readOnly: true,
    })
    const users = store.list()
    const { problem } = store.health()
    await store.close()
    const numbers = { users: users.length, disabled: users.filter(({ enabled }) => !enabled).length }
    if (problem !== null) return [judged('fail', problem)]
    const clashing = [...clashes(ofSettings, users)]
    if (clashing.length > 0) {
      const names = clashing.slice(0, 5).map(([name, taken]) => `${name} (its ${taken})`)
      return [
        finding(
          id,
          'warn',
          `${clashing.length} users of the store clash with USER<n>_*, and cannot connect: ${names.join(', ')}`,
          {
            advice: 'remove them with mtscope users remove, or USER<n>_* from .env',
            numbers,
          },
        ),
      ]
    }
    return [
      finding(id, 'ok', `the user store can be read: ${numbers.users} users, ${numbers.disabled} disabled`, {
        numbers,
      }),
    ]
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof SecretsError)) throw error
    // The area kafka has the finding.
    return [judged(error.code === 'ERR_USERS_KAFKA' ? 'unknown' : 'fail', error.message)]
  }
}
