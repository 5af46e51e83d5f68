import type { Backend, ListableBackend } from '../../storage/backend.ts'
import { isListable, isWritable } from '../../storage/backend.ts'
import { copyTarget, hides, writerFor } from '../../chain/placement.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { copyObject } from '../../migration/copy.ts'
import type { PageEntry, SkipReason } from './job-types.ts'

/** What became of one name, and which backend it is counted with. */
export type Outcome = { backend: string; bytes: number } & (
  | { what: 'copied' | 'present' }
  | { what: 'skipped'; reason: SkipReason }
)

function skipped(backend: string, reason: SkipReason): Outcome {
  return { backend, what: 'skipped', reason, bytes: 0 }
}

/**
 * Copies a name that `source` listed. The create-only put finds out whether it is there already; where a consumer before
 * may have copied it, since `copiedSince`, a HEAD does, so that it is not fetched again.
 */
export async function copyListed(
  chain: Chain,
  sourceName: string,
  { entry: [name, size], copiedSince }: { entry: PageEntry; copiedSince: number | undefined },
): Promise<Outcome> {
  const source = chain.backends.find((backend) => backend.name === sourceName)
  if (!source)
    throw new StorageError('unsupported', 'is not configured any more', { backend: sourceName, name })
  // The filter may have changed since the name was listed.
  if (source.accepts?.(name) === false) return skipped(sourceName, 'excluded')
  const target = copyTarget(chain, source, { name, size: size ?? undefined })
  if (target === 'excluded') return skipped(sourceName, 'not_accepted')
  if (target === 'too-large') throw tooLarge(name)
  const held = copiedSince === undefined ? null : await target.head(name)
  const settled = alreadyHeld(held, [sourceName], copiedSince)
  if (settled) return settled
  const { outcome, bytes } = await copyObject(source, target, name)
  if (outcome !== 'absent') return { backend: sourceName, what: outcome, bytes }
  if (isListable(source) && (await lists(source, name))) {
    const why = 'lists it, and answers that it is not there: may it be read?'
    throw new StorageError('unavailable', why, { backend: sourceName, name })
  }
  return skipped(sourceName, 'gone')
}

/** Whether the backend lists the name: it sorts before all others that begin with it. */
export async function lists(backend: ListableBackend, name: string): Promise<boolean> {
  const page = await backend.list({ prefix: name, limit: 1 })
  return page.objects.some((object) => object.name === name && !object.deleted)
}

/** What to count where the target holds the name. A copy that was made since then is the job's own, and was not reported. */
function alreadyHeld(
  held: ObjectInfo | null,
  sources: readonly string[],
  copiedSince: number | undefined,
): Outcome | undefined {
  if (!held || held.lifted) return undefined
  const [backend = 'chain'] = sources
  if (held.deleted) return skipped(backend, 'tombstoned')
  const { provenance, size } = held
  // Clocks differ a little.
  const isOurs = copiedSince !== undefined && (provenance?.copied.getTime() ?? 0) >= copiedSince - 1000
  return provenance && isOurs && sources.includes(provenance.backend)
    ? { backend: provenance.backend, what: 'copied', bytes: size ?? 0 }
    : { backend, what: 'present', bytes: 0 }
}

/** Copies a name of a manifest from the first of `sources` that has it. */
export async function copyNamed(
  chain: Chain,
  sources: readonly string[],
  { name, copiedSince }: { name: string; copiedSince: number | undefined },
): Promise<Outcome> {
  const [firstSource = 'chain'] = sources
  // The target was not listed: one HEAD costs less than fetching what is there already.
  const writer = writerFor(chain, name)
  // Where the target refuses the name, a source may be the backend that takes writes of it.
  const held = writer && !sources.includes(writer.name) ? await writer.head(name) : null
  const settled = alreadyHeld(held, sources, copiedSince)
  if (settled) return settled
  let excludedBy: string | undefined
  for (const sourceName of sources) {
    const source = chain.backends.find((backend) => backend.name === sourceName)
    if (!source) continue
    if (source.accepts?.(name) === false) {
      excludedBy ??= sourceName
      continue
    }
    const target = copyTarget(chain, source, { name, size: undefined })
    if (target === 'excluded') return skipped(sourceName, 'not_accepted')
    if (target === 'too-large') throw tooLarge(name)
    const { outcome, bytes } = await copyObject(source, target, name)
    if (outcome !== 'absent') return { backend: sourceName, what: outcome, bytes }
    if (await hasTombstone(chain, source, name)) return skipped(sourceName, 'tombstoned')
  }
  if (excludedBy !== undefined) return skipped(excludedBy, 'excluded')
  throw new StorageError('absent', 'no source has the name', { backend: firstSource, name })
}

/** To a copy, a tombstone looks like nothing; what is behind one must not come back. */
async function hasTombstone(chain: Chain, source: Backend, name: string): Promise<boolean> {
  if (!chain.tombstones || !isWritable(source)) return false
  return hides(chain, { backend: source, info: (await source.head(name)) ?? undefined })
}

function tooLarge(name: string): StorageError {
  return new StorageError('too-large', 'no writable backend takes its bytes', { name })
}
