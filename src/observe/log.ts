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

/** An error's code or class, message, causes and backends' failures in one field, without a stack and without credentials. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return redact(String(error))
  const isStorage = error instanceof StorageError
  const failures = isStorage ? error.failures.map((one) => `${one.backend}: ${describeError(one)}`) : []
  const cause = error.cause === undefined ? [] : [describeError(error.cause)]
  const own = `${isStorage ? error.code : error.name}: ${error.message}`
  return redact([own, ...failures, ...cause].join(' ← '))
}

/** The stack of a bug in this software; nothing for an error that a backend or a caller caused. */
export function stackOf(error: unknown): { stack?: string } {
  const bug = error instanceof StorageError && error.code === 'internal' ? error.cause : error
  if (!(bug instanceof Error) || bug instanceof StorageError || bug.stack === undefined) return {}
  return { stack: redact(bug.stack) }
}

/** In a URL credentials are user info or part of the query; elsewhere they follow the scheme's name. */
const CREDENTIALS: readonly [RegExp, string][] = [
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@]+@/gi, '$1…@'],
  [/([a-z][a-z0-9+.-]*:\/\/[^\s?#]*)\?[^\s#]*/gi, '$1?…'],
  [/\b(Bearer|Basic|AWS4-HMAC-SHA256)\s+[^\s,]+/gi, '$1 …'],
  [/\b(Credential|Signature|X-Amz-Security-Token)=[^\s,&]+/gi, '$1=…'],
]

function redact(text: string): string {
  return CREDENTIALS.reduce((redacted, [pattern, shown]) => redacted.replace(pattern, shown), text)
}

/** Limits the lines of each kind per second, so that a flood of one kind hides no other. Kinds must be few. */
export function createLogSample(perSecond: number, now: () => number = Date.now) {
  const kinds = new Map<string, { since: number; passed: number; dropped: number }>()
  /** How many lines of the kind were dropped since the last one that was logged; `null` means that this one is dropped, too. */
  const take = (name: string): number | null => {
    const at = now()
    const kind = kinds.get(name) ?? { since: at, passed: 0, dropped: 0 }
    kinds.set(name, kind)
    if (at - kind.since >= 1000) Object.assign(kind, { since: at, passed: 0 })
    if (kind.passed >= perSecond) {
      kind.dropped += 1
      return null
    }
    const { dropped } = kind
    kind.passed += 1
    kind.dropped = 0
    return dropped
  }
  return { take }
}
