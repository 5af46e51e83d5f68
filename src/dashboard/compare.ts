import type { Explanation, Finding } from '../client/client.ts'

export type Difference = 'size' | 'content_type' | 'etag'

/** Whether the backend has the object itself, not a tombstone. */
export function isHeld({ result }: Finding): boolean {
  return result === 'hit'
}

/**
 * In what each backend's object differs from the one that would be served. ETags are each backend's own, so they are only
 * compared where a copy remembers its source's.
 */
export function differences({ backends, would_serve: serving }: Explanation): Map<string, Difference[]> {
  const held = backends.filter(isHeld)
  const reference = held.find(({ name }) => name === serving)
  const found = new Map<string, Difference[]>()
  if (!reference) return found
  for (const other of held) {
    if (other === reference) continue
    const differs = (['size', 'content_type'] as const).filter(
      (key) => other[key] !== undefined && reference[key] !== undefined && other[key] !== reference[key],
    )
    const all = hasChanged(reference, other) ? [...differs, 'etag' as const] : differs
    if (all.length > 0) found.set(other.name, all)
  }
  return found
}

/** Whether the source has got another version since the copy was made. */
function hasChanged({ provenance }: Finding, source: Finding): boolean {
  return (
    provenance?.backend === source.name &&
    provenance.etag !== null &&
    source.etag !== undefined &&
    provenance.etag !== source.etag
  )
}
