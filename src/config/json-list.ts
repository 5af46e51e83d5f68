import * as v from 'valibot'
import type { Found } from './bindings.ts'
import { didYouMean, nearest } from './errors.ts'
import { firstIssues } from './schemas.ts'

/** A variable's value as an array of tables; it may be given as JSON. `example` is one table as JSON. */
export function readJsonList(given: unknown, example: string): Found<readonly unknown[]> {
  let value = given
  try {
    if (typeof given === 'string') value = JSON.parse(given)
  } catch (error) {
    // The engine's message quotes the text, which may hold a secret.
    const position = error instanceof Error ? /position \d+/.exec(error.message)?.[0] : undefined
    const where = position === undefined ? '' : ` (at ${position})`
    return { problem: `is not valid JSON${where}; write [${example}] with double quotes` }
  }
  if (!Array.isArray(value))
    return { problem: `must be an array of tables, or the same as JSON: [${example}]` }
  return { value }
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reports what is wrong with a table, or with one key of it. */
export type Report = (problem: string, key?: string) => void

/** One table of a list of secrets, or `undefined` after reporting what is wrong with it. No message contains a value. */
export function readTable<Schema extends v.GenericSchema & { entries: object }>(
  schema: Schema,
  raw: unknown,
  { example, report }: { example: string; report: Report },
): v.InferOutput<Schema> | undefined {
  if (!isTable(raw)) {
    report(`must be a table like ${example}`)
    return undefined
  }
  const keys = Object.keys(schema.entries)
  for (const [index, key] of Object.keys(raw).entries()) {
    if (keys.includes(key)) continue
    const meant = nearest(key, keys)
    // A key that is none of ours, or not near one, may be a secret.
    if (meant === undefined)
      report(`has an unknown key (number ${index + 1}); the keys are ${keys.join(', ')}`)
    else report(`is unknown${didYouMean(key, keys)}`, key)
  }
  const result = v.safeParse(schema, raw)
  for (const [key, { message }] of firstIssues(result.issues))
    report(key in raw ? message : `is missing: write ${example}`, key)
  return result.success ? result.output : undefined
}
