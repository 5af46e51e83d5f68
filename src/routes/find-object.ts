import { cancelBody } from '../bodies/cancel.ts'
import type { Chain } from '../chain/fallback.ts'
import { ifRangeHolds } from '../http/conditional.ts'
import { parseRange } from '../http/range.ts'
import { isWritable } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo, RangeRequest, StoredObject } from '../storage/object.ts'
import type { Trace } from '../storage/trace.ts'

/** One strong entity tag, as browsers send it. */
const STRONG_TAG = /^"[^"\\]+"$/

/**
 * The object, and the range to answer with; `null` for the whole object. One operation for a hit, ranged or not: the
 * range is requested at once, and the whole object only if If-Range fails and the backend could not check it.
 */
export async function findObject(
  chain: Chain,
  name: string,
  { headers, trace }: { headers: Headers; trace: Trace },
): Promise<{ object: StoredObject | null; range: RangeRequest | null }> {
  const range = parseRange(headers.get('range'))
  if (!range) {
    const known = headers.get('if-none-match')
    const ifNoneMatch = known !== null && STRONG_TAG.test(known) ? { ifNoneMatch: known } : {}
    return { object: await chain.get(name, { trace, ...ifNoneMatch }), range: null }
  }
  const ifRange = headers.get('if-range')
  try {
    const object = await chain.get(name, { range, trace, ...(ifRange !== null && { ifRange }) })
    if (!object || ifRangeHolds(ifRange, object)) return { object, range }
    if (!object.range) return { object, range: null }
    await cancelBody(object.body)
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'unsatisfiable') throw error
    // Conditions come before the range (RFC 9110 §13.2.2), and the object's metadata decides them.
    if (!isConditional(headers) && ifRange === null) throw error
    const info = knownFrom(error, chain) ?? (await headAgain(chain, name, trace))
    if (!info) return { object: null, range: null }
    if (info.size === undefined) throw error
    if (ifRangeHolds(ifRange, info)) return { object: { ...info, name, body: new Blob([]).stream() }, range }
  }
  trace.length = 0
  return { object: await chain.get(name, { trace }), range: null }
}

/** What the backend said with its refusal. Behind one that is read-only, there may be a tombstone, so that is searched again. */
function knownFrom({ backend, object }: StorageError, { backends }: Chain): ObjectInfo | undefined {
  return backends.some((one) => one.name === backend && isWritable(one)) ? object : undefined
}

function headAgain(chain: Chain, name: string, trace: Trace): Promise<ObjectInfo | null> {
  trace.length = 0
  return chain.head(name, { trace })
}

const CONDITIONS = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since']

/** Whether the request has conditions, other than If-Range. */
export function isConditional(headers: Headers): boolean {
  return CONDITIONS.some((header) => headers.has(header))
}
