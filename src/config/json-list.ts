import * as v from 'valibot'
import type { Found } from './bindings.ts'
import { nearest } from './errors.ts'
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
export function readTable<Entries extends Record<string, v.GenericSchema>>(
  schema: v.ObjectSchema<Entries, undefined>,
  raw: unknown,
  { example, report }: { example: string; report: Report },
): v.InferOutput<typeof schema> | undefined {
  if (!isTable(raw)) {
    report(`must be a table like ${example}`)
    return undefined
  }
  const entries = Object.entries(schema.entries)
  const keys = entries.map(([key]) => key)
  for (const key of Object.keys(raw)) {
    if (keys.includes(key)) continue
    const meant = nearest(key, keys)
    // A key that is near none of ours may be a secret.
    if (meant === undefined) report(`has an unknown key; the keys are ${keys.join(', ')}`)
    else report(`is unknown; did you mean \`${meant}\`?`, key)
  }
  // Keys that are missing get the messages of those that are wrong.
  const required = entries
    .filter(([, { type }]) => type !== 'exact_optional')
    .map(([key]) => [key, undefined])
  const result = v.safeParse(schema, { ...Object.fromEntries(required), ...raw })
  for (const [key, { message }] of firstIssues(result.issues))
    report(key in raw ? message : `is missing: it ${message}`, key)
  return result.success ? result.output : undefined
}
