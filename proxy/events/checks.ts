// The checks from which `shapes.ts` is made.

import type { DialError } from './sample.ts'

/** Whether a parsed value is a T. */
export type Check<T> = (value: unknown) => value is T

/** A check for each field, wrapped in `optional` where the contract has the field optional. */
export type Shape<F> = {
  readonly [K in keyof F]-?: Record<never, never> extends Pick<F, K> ? Optional<F[K]> : Check<F[K]>
}
type Optional<T> = { readonly optional: Check<Exclude<T, undefined>> }
export const optional = <T>(check: Check<T>): { readonly optional: Check<T> } => ({ optional: check })
export const flag: Check<boolean> = (value): value is boolean => typeof value === 'boolean'
export const number: Check<number> = (value): value is number =>
  typeof value === 'number' && Number.isFinite(value)
export const amount: Check<number> = (value): value is number => number(value) && value >= 0
export const count: Check<number> = (value): value is number => amount(value) && Number.isSafeInteger(value)
export const integer: Check<number> = (value): value is number => Number.isSafeInteger(value)
export const text: Check<string> = (value): value is string =>
  typeof value === 'string' && value.length <= 16384
/** A text that becomes a key or value of the state. Our names have at most 253 characters (a host), most of them 32. */
export const label: Check<string> = (value): value is string => text(value) && value.length <= 320
export const hex =
  (digits: number): Check<string> =>
  (value): value is string =>
    typeof value === 'string' && value.length === digits && /^[0-9a-f]*$/.test(value)
/** A network. A full address must not pass. */
export const prefix: Check<string> = (value): value is string =>
  typeof value === 'string' &&
  /^(\d{1,3}\.\d{1,3}\.\d{1,3}\.0\/24|[0-9a-f]{1,4}(:[0-9a-f]{1,4}){2}::\/48)$/.test(value)
export const list =
  <T>(item: Check<T>): Check<readonly T[]> =>
  (value): value is readonly T[] =>
    Array.isArray(value) && value.length <= 4096 && value.every(item)
export const texts: Check<Readonly<Record<string, string>>> = (
  value,
): value is Readonly<Record<string, string>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(text)
/** Takes a record, not a list: a missing name does not compile. */
export const oneOf =
  <T extends string>(names: Readonly<Record<T, true>>): Check<T> =>
  (value): value is T =>
    typeof value === 'string' && Object.hasOwn(names, value)

export const dialError = oneOf<DialError>({
  refused: true,
  timeout: true,
  unreachable: true,
  reset: true,
  'no-descriptors': true,
  protocol: true,
  other: true,
})

/** One field of a shape, in the form that `misfit` reads quickly. */
export type Field = {
  readonly name: string
  readonly check: (value: unknown) => boolean
  readonly optional: boolean
}

export function fieldsOf(shape: object): readonly Field[] {
  return Object.entries(shape).map(
    ([name, check]: [string, Field['check'] | { optional: Field['check'] }]) =>
      typeof check === 'function'
        ? { name, check, optional: false }
        : { name, check: check.optional, optional: true },
  )
}

/** The first field that is missing or wrong; null when there is none. Ignores fields that the shape does not name. */
export function misfit(value: unknown, fields: readonly Field[]): string | null {
  if (typeof value !== 'object' || value === null) return 'value'
  for (const field of fields) {
    const given: unknown = Object.hasOwn(value, field.name)
      ? value[field.name as keyof typeof value]
      : undefined
    if (given === undefined ? !field.optional : !field.check(given)) return field.name
  }
  return null
}
