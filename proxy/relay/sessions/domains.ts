import type { Domain, Domains } from '../settings.ts'

/** TDLib cuts longer names. */
const LONGEST_NAME = 182

const sameName = (asked: string, domain: string): boolean => {
  const [name, right] = [asked.toLowerCase(), domain.toLowerCase()]
  return name === right || name === right.slice(0, LONGEST_NAME)
}

/** The domain that a hello asks for; null: none of ours. A hello without a name asks for the first. */
export const domainNamed = (domains: Domains, asked: string | null): Domain | null =>
  asked === null ? domains[0] : (domains.find(({ name }) => sameName(asked, name)) ?? null)

/** The domain whose site an unauthenticated client sees: the one it asked for, else the first. */
export const domainSeen = (domains: Domains, asked: string | null): Domain =>
  domainNamed(domains, asked) ?? domains[0]
