import type { Trace } from '../storage/trace.ts'

export interface Served {
  method: string
  /** Name of the first backend. */
  primary: string
  /** Name of the backend that served or stored the object; absent if none did. */
  backend?: string | undefined
  /** No backend was tried. */
  untried?: boolean | undefined
  /** A copy was started or queued. */
  stored?: boolean | undefined
  /** Seconds for which the edge cache, which answered, may still do so. */
  edgeTtl?: number | undefined
}

const CACHE = 'fallback-storage'
// RFC 9651 §3.3.3 and §3.3.4; RFC 9110 §5.6.2.
const SF_TOKEN = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/
const NOT_SF_STRING = /[^\x20-\x7e]+/g
const NOT_TOKEN = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]+/g

/**
 * Cache-Status (RFC 9211): a hit at the edge or in the primary, or forwarded to a fallback; a write is always forwarded.
 * A request for which no backend was tried is neither a hit nor forwarded.
 */
export function cacheStatus({ method, primary, backend, stored, untried, edgeTtl }: Served): string {
  if (edgeTtl !== undefined) return `${CACHE}-edge; hit; ttl=${edgeTtl}`
  if (backend === undefined && untried) return CACHE
  const isRead = method === 'GET' || method === 'HEAD'
  const how = !isRead ? 'fwd=method' : backend === primary ? 'hit' : `fwd=uri-miss${stored ? '; stored' : ''}`
  return `${CACHE}; ${how}${backend === undefined ? '' : `; detail=${toBareItem(backend)}`}`
}

/** Server-Timing: one entry for each backend that was tried, in order. */
export function serverTiming(trace: Trace): string {
  return trace
    .map(({ backend, outcome, duration, speculative }) => {
      const name = backend.replace(NOT_TOKEN, '-') || '-'
      const desc = speculative && outcome !== 'cancelled' ? `"${outcome}; speculative"` : outcome
      return `${name};dur=${Math.max(0, Math.round(duration * 10) / 10)};desc=${desc}`
    })
    .join(', ')
}

function toBareItem(text: string): string {
  if (SF_TOKEN.test(text)) return text
  const printable = text.replace(NOT_SF_STRING, (text) => encodeURIComponent(text.toWellFormed()))
  return `"${printable.replace(/["\\]/g, '\\$&')}"`
}
