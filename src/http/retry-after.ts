import { parseHttpDate } from './date.ts'

/** A backend that asks for an hour of peace is asked again sooner all the same, and a date may be wrong by decades. */
const LONGEST_MS = 60_000

/** Milliseconds that a Retry-After asks for, in seconds or as a date (RFC 9110 §10.2.3); `undefined` where it asks for none. */
export function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined
  const wait = /^\d+$/.test(header)
    ? Number(header) * 1000
    : (parseHttpDate(header)?.getTime() ?? 0) - Date.now()
  return wait > 0 ? Math.min(wait, LONGEST_MS) : undefined
}
