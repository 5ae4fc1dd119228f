import type { Schema } from './endpoint.ts'

export const text = (description: string, more: Schema = {}): Schema => ({
  type: 'string',
  description,
  ...more,
})
export const whole = (description: string, more: Schema = {}): Schema => ({
  type: 'integer',
  description,
  ...more,
})
export const number = (description: string): Schema => ({ type: 'number', description })
export const yesOrNo = (description: string): Schema => ({ type: 'boolean', description })
export const moment = (description: string): Schema => whole(`${description}; epoch, ms`)
export const oneOf = (description: string, values: readonly string[]): Schema =>
  text(description, { enum: values })

/** The schema, or null. */
export const orNull = ({ type, ...rest }: Schema): Schema => ({ type: [type, 'null'], ...rest })

/** Every property is in every answer. A later version may add properties. */
export const object = (properties: Readonly<Record<string, Schema>>, description?: string): Schema => ({
  type: 'object',
  ...(description === undefined ? {} : { description }),
  required: Object.keys(properties),
  properties,
})

export const list = (items: Schema, description?: string): Schema => ({
  type: 'array',
  ...(description === undefined ? {} : { description }),
  items,
})

/** An object whose names are not known in advance. */
export const map = (values: Schema, description: string): Schema => ({
  type: 'object',
  description,
  additionalProperties: values,
})
