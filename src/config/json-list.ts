import type { Found } from './bindings.ts'

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
