import type { Secret } from './secret.ts'

export type User = { readonly name: string; readonly secret: Secret }
