import { accepts } from '../chain/placement.ts'
import type { Backend } from '../storage/backend.ts'
import { whyInvalid } from '../storage/name.ts'
import type { SourceEvent } from './shapes.ts'

/** A backend from which objects are migrated, and how its keys are recognised in events. */
export interface Source {
  backend: Backend
  /** Before each name. */
  prefix: string
  /** Without it, events of any bucket are about this source. */
  bucket: string | undefined
}

export interface Accepted {
  /** The names that may have changed, and when, in milliseconds since 1970. */
  changes: Map<string, number>
  accepted: number
  /** How many events were ignored, by reason. */
  ignored: Record<string, number>
}

/** Finds the names that events of a source are about. Those without a time happened at `now`. */
export function acceptEvents(source: Source, events: readonly (SourceEvent | null)[], now: number): Accepted {
  const changes = new Map<string, number>()
  const ignored: Record<string, number> = {}
  let accepted = 0
  for (const event of events) {
    const found = nameIn(source, event)
    if ('name' in found) {
      const { name, at = now } = found
      accepted += 1
      // A clock may be ahead, and one time from the future would be the latest for good.
      changes.set(name, Math.max(Math.min(at, now), changes.get(name) ?? 0))
    } else ignored[found.ignored] = (ignored[found.ignored] ?? 0) + 1
  }
  return { changes, accepted, ignored }
}

function nameIn(
  { backend, prefix, bucket }: Source,
  event: SourceEvent | null,
): { name: string; at: number | undefined } | { ignored: string } {
  if (!event) return { ignored: 'not a change of an object' }
  const { key, at } = event
  if (bucket !== undefined && event.bucket !== bucket) return { ignored: 'of another bucket' }
  if (!key.startsWith(prefix)) return { ignored: 'outside of the prefix' }
  const name = key.slice(prefix.length)
  const isName = whyInvalid(name) === undefined && accepts(backend, name)
  return isName ? { name, at } : { ignored: 'not a name that the backend accepts' }
}
