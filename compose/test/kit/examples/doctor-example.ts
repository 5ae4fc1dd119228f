import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { readConfig } from '../../../../proxy/config/config.ts'
import type { About, Finding, Live } from '../../../../proxy/doctor/finding.ts'
import { findAddress } from '../../../../proxy/users/public-address.ts'

/** The argument of a doctor check, for tests: these settings, and defaults for the others. */
export const exampleAbout = (
  env: Readonly<Record<string, string>> = {},
  live: Live | null = null,
): Omit<About, 'signal'> => {
  const read = readConfig({ PUBLIC_HOST_FROM: 'none', ...env }, '')
  if (!read.ok) throw new Error(read.mistakes.join('; '))
  const { config } = read
  const { signal } = new AbortController()
  return { config, env, address: () => findAddress(config, signal), now: Date.now, live }
}

export const verdictsOf = (found: readonly Finding[]): Readonly<Record<string, string>> =>
  Object.fromEntries(found.map(({ id, verdict }) => [id, verdict]))

/** A folder with these files, removed at the end of its scope. */
export const exampleFolder = (files: Readonly<Record<string, string>> = {}) => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-doctor-'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
