import { cancelBody } from '../bodies/cancel.ts'
import type { Chain } from '../chain/fallback.ts'
import { writerBehind } from '../chain/placement.ts'
import { ifRangeHolds } from '../http/conditional.ts'
import { parseRange, resolveRange } from '../http/range.ts'
import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo, RangeRequest, StoredObject } from '../storage/object.ts'
import type { Trace } from '../storage/trace.ts'

/** One strong entity tag, as browsers send it. */
const STRONG_TAG = /^"[^"\\]+"$/

interface FindOptions {
  headers: Headers
  trace: Trace
  /** Compares If-Range for clients that know an object by another tag than its backend. Default: `ifRangeHolds`. */
  isCurrent?: (chain: Chain, headers: Headers, info: ObjectInfo) => boolean
}

/**
 * The object, and the range to answer with; `null` for the whole object. One operation for a hit, ranged or not: the
 * range is requested at once, and the whole object only if If-Range fails and the backend could not check it.
 */
export async function findObject(
  chain: Chain,
  name: string,
  { headers, trace, isCurrent }: FindOptions,
): Promise<{ object: StoredObject | null; range: RangeRequest | null }> {
  const read = { trace, speculative: true }
  const range = parseRange(headers.get('range'))
  if (!range) {
    const known = headers.get('if-none-match')
    const ifNoneMatch = known !== null && STRONG_TAG.test(known) ? known : undefined
    return { object: await chain.get(name, { ...read, ifNoneMatch }), range: null }
  }
  const ifRange = headers.get('if-range')
  const mayBePart = (info: ObjectInfo): boolean =>
    ifRange === null || (isCurrent ? isCurrent(chain, headers, info) : ifRangeHolds(ifRange, info))
  try {
    // Backends know their own tags only.
    const sent = isCurrent ? undefined : (ifRange ?? undefined)
    const object = await chain.get(name, { ...read, range, ifRange: sent })
    if (!object || mayBePart(object)) return { object, range }
    if (!object.range) return { object, range: null }
    await cancelBody(object.body)
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'unsatisfiable') throw error
    const holder = chain.backends.find((one) => one.name === error.backend)
    const mayBeDeleted = holder !== undefined && writerBehind(chain, holder, name) !== undefined
    // Conditions come before the range (RFC 9110 §13.2.2), and the object's metadata decides them.
    if (!mayBeDeleted && !isConditional(headers, true) && ifRange === null) throw error
    const info = (mayBeDeleted ? undefined : error.object) ?? (await headAgain(chain, name, trace))
    if (!info) return { object: null, range: null }
    if (info.size === undefined) throw error
    // It may have grown in the meantime.
    if (mayBePart(info) && resolveRange(range, info.size) === 'unsatisfiable')
      return { object: { ...info, name, body: new Blob([]).stream() }, range }
  }
  trace.length = 0
  return { object: await chain.get(name, read), range: null }
}

function headAgain(chain: Chain, name: string, trace: Trace): Promise<ObjectInfo | null> {
  trace.length = 0
  return chain.head(name, { trace, speculative: true })
}

const CONDITIONS = ['If-Match', 'If-None-Match', 'If-Unmodified-Since']

/** Whether the request has conditions, other than If-Range. Writes ignore If-Modified-Since (RFC 9110 §13.1.3). */
export function isConditional(headers: Headers, isRead = false): boolean {
  return CONDITIONS.some((header) => headers.has(header)) || (isRead && headers.has('If-Modified-Since'))
}
