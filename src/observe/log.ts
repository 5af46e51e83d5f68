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

/** The stack of a defect of ours; nothing for what a backend or a caller is to blame for. */
export function stackOf(error: unknown): { stack?: string } {
  const defect = error instanceof StorageError && error.code === 'internal' ? error.cause : error
  if (!(defect instanceof Error) || defect instanceof StorageError || defect.stack === undefined) return {}
  return { stack: redact(defect.stack) }
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

/** Lets through so many lines of each kind in a second, and counts those that it holds back. */
export interface LogSample {
  /** How many of that kind were held back since the last one that passed; `null` holds this one back too. */
  take(kind: string): number | null
}

interface Kind {
  since: number
  passed: number
  held: number
}

/** Bounds what logging costs under load, one bound for each kind: many hits hide no miss. Kinds must be few. */
export function createLogSample(perSecond: number, now: () => number = Date.now): LogSample {
  const kinds = new Map<string, Kind>()
  return {
    take(name) {
      const kind = kinds.get(name) ?? { since: now(), passed: 0, held: 0 }
      kinds.set(name, kind)
      if (now() - kind.since >= 1000) {
        kind.since = now()
        kind.passed = 0
      }
      if (kind.passed >= perSecond) {
        kind.held += 1
        return null
      }
      kind.passed += 1
      const { held } = kind
      kind.held = 0
      return held
    },
  }
}
