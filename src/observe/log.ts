import { StorageError } from '../storage/errors.ts'

/** One line of JSON; Workers Logs indexes its fields. */
export function log(
  level: 'info' | 'warn' | 'error',
  event: string,
  fields: Record<string, unknown> = {},
): void {
  // oxlint-disable-next-line no-console -- the one place that writes to the platform's log
  console[level](JSON.stringify({ event, ...fields }))
}

/** An error's code, message, causes and backends' failures in one field, without a stack. */
export function describeError(error: unknown): string {
  const parts: string[] = []
  for (let current = error; current instanceof Error; current = current.cause) {
    const code = 'code' in current ? `${String(current.code)}: ` : ''
    parts.push(`${code}${current.message}`)
    if (current instanceof StorageError)
      for (const failure of current.failures) parts.push(`${failure.backend}: ${describeError(failure)}`)
  }
  return parts.join(' ← ') || String(error)
}
