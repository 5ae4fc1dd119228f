/** What the page reads of `/api/v1/`; docs/openapi.json has all of it. */

export type Limits = {
  readonly maxConnections?: number | null
  readonly maxAddresses?: number | null
  readonly quotaDay?: number | null
  readonly quotaMonth?: number | null
  readonly quotaTotal?: number | null
  readonly expiresAt?: string | null
  readonly rateUp?: number | null
  readonly rateDown?: number | null
  readonly modes?: readonly string[] | null
  readonly networks?: readonly string[] | null
  readonly adTag?: string | null
}

export type ApiUser = {
  readonly name: string
  readonly source: 'setting' | 'store'
  readonly enabled: boolean
  readonly limits: Limits
  readonly effective: Limits
}

export type ApiLink = {
  readonly mode: string
  readonly domain: string | null
  readonly tg: string
  readonly web: string
}

export type Limit = { readonly limit: keyof Limits; readonly setting: string; readonly doc: string }

export type UserAction = 'enable' | 'disable' | 'rotate' | 'remove'

/** Limits as a person writes them, by name. */
export type WrittenLimits = Readonly<Record<string, string>>

export type Api = {
  list(find: string, most: number): Promise<{ total: number; users: readonly ApiUser[] }>
  limits(): Promise<{ limits: readonly Limit[]; defaults: Limits }>
  links(user: string): Promise<{ links: readonly ApiLink[] }>
  /** The text of an SVG image. */
  qr(user: string, mode: string, domain: string | null): Promise<string>
  add(name: string, limits: WrittenLimits): Promise<ApiUser>
  change(user: string, limits: WrittenLimits): Promise<ApiUser>
  act(user: string, action: UserAction): Promise<unknown>
}
