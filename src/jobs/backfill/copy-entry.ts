import { accepts, copyTarget, hides, largerWriters, writerFor } from '../../chain/placement.ts'
import type { Chain } from '../../chain/fallback.ts'
import { compareCopy } from '../../migration/compare-copy.ts'
import { copyObject } from '../../migration/copy.ts'
import { type Backend, isListable, isWritable, type ListableBackend } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { spellings } from '../../storage/name.ts'
import { whyTooLarge } from './classify.ts'
import type { Outcome, PageEntry, PageStart } from './job-types.ts'

type Name = { name: string; size: number | undefined }

/** Copies a name that `source` listed, or a name of a manifest (`source` is `null`) from the first source that has it. */
export async function copyEntry(
  chain: Chain,
  source: string | null,
  [name, size]: PageEntry,
  { sources, copiedSince }: Pick<PageStart, 'sources' | 'copiedSince'>,
): Promise<Outcome> {
  const candidates = source === null ? sources : [source]
  const object = { name, size: size ?? undefined }
  // A listed name is not in the target, unless a consumer has copied it. Otherwise, a HEAD costs less than a GET.
  if (source === null || copiedSince !== undefined) {
    const settled = await alreadyHeld(chain, object, candidates, copiedSince)
    if (settled?.what === 'skipped') return settled
    if (settled) return checkSpelling(chain, object, settled)
  }
  let excluded: Outcome | undefined
  const [first = 'chain'] = candidates
  const last = chain.backends.findLastIndex((backend) => candidates.includes(backend.name))
  for (const backend of chain.backends.slice(chain.backends.findIndex(isWritable) + 1, last + 1)) {
    if (!candidates.includes(backend.name)) {
      // What was listed was compared with what the others list.
      const isCompared = source !== null && isListable(backend)
      const reason = isCompared ? null : await whyNotServed(chain, backend, name)
      if (reason === 'shadowed' && largerWriters(chain).includes(backend))
        return { backend: first, what: 'present' }
      if (reason) return skipped({ name: first }, reason)
      continue
    }
    const outcome = await copyFrom(chain, backend, object)
    if (outcome?.what === 'present') return checkSpelling(chain, object, outcome)
    if (outcome && outcome.reason !== 'excluded') return outcome
    if (outcome) excluded ??= outcome
    else if (source !== null) return whereGone(backend, name)
    else if (await hasTombstone(chain, backend, name)) return skipped(backend, 'tombstoned')
  }
  if (excluded) return excluded
  if (source !== null)
    throw new StorageError('unsupported', 'is not configured any more', { backend: source })
  throw new StorageError('absent', 'no source has the name', { backend: sources[0] ?? 'chain' })
}

/** `null` if the source does not have it. */
async function copyFrom(chain: Chain, source: Backend, object: Name): Promise<Outcome | null> {
  // The filter may have changed since the name was listed.
  if (!accepts(source, object.name)) return skipped(source, 'excluded')
  const target = copyTarget(chain, source, object)
  if (target === 'excluded') return skipped(source, 'not_accepted')
  try {
    if (target === 'too-large') throw new StorageError('too-large', whyTooLarge(object.size))
    const { tombstones } = chain
    const { outcome, bytes } = await copyObject(source, target, object.name, { tombstones })
    return outcome === 'absent' ? null : { backend: source.name, what: outcome, bytes }
  } catch (error) {
    const isTooLarge = error instanceof StorageError && error.code === 'too-large'
    if (!isTooLarge || !largerWriters(chain).includes(source)) throw error
    // It is where such objects are stored.
    const held = await source.head(object.name, { fresh: true })
    return held && !held.deleted ? { backend: source.name, what: 'present' } : null
  }
}

function skipped({ name }: Pick<Backend, 'name'>, reason: NonNullable<Outcome['reason']>): Outcome {
  return { backend: name, what: 'skipped', reason }
}

/** What to count if the target holds the name. A copy made since then is the job's own, and was not reported. */
async function alreadyHeld(
  chain: Chain,
  { name, size }: Name,
  sources: readonly string[],
  copiedSince: number | undefined,
): Promise<Outcome | null> {
  const writer = writerFor(chain, name, size)
  // If the target does not accept the name, a source may be the backend that takes writes of it.
  if (!writer || sources.includes(writer.name)) return null
  const held = await writer.head(name)
  if (!held || (held.deleted && !hides(chain, { backend: writer, info: held }))) return null
  const [backend = 'chain'] = sources
  if (held.deleted) return skipped({ name: backend }, 'tombstoned')
  const { provenance } = held
  // Clocks differ a little.
  const isOurs = copiedSince !== undefined && (provenance?.copied.getTime() ?? 0) >= copiedSince - 1000
  return provenance && isOurs && sources.includes(provenance.backend)
    ? { backend: provenance.backend, what: 'copied', bytes: held.size ?? 0 }
    : { backend, what: 'present' }
}

/** Throws if R2, to which equivalent names are one, has what the source has under another of them. */
async function checkSpelling(chain: Chain, { name, size }: Name, outcome: Outcome): Promise<Outcome> {
  const source = chain.backends.find((backend) => backend.name === outcome.backend)
  const target = writerFor(chain, name, size)
  const [, ...others] = spellings(name)
  if (!source || target?.type !== 'r2') return outcome
  for (const spelling of others) {
    const other = await source.head(spelling, { fresh: true })
    const own = other && (await source.head(name, { fresh: true }))
    if (!own || (own.etag !== undefined && own.etag === other.etag)) continue
    const held = await target.head(name)
    if (held && !held.deleted && compareCopy(held, own) !== 'same')
      throw new StorageError('unsupported', otherSpelling(target, source), { backend: target.name })
  }
  return outcome
}

export function otherSpelling(target: Backend, source: Backend): string {
  return `${target.name} has other bytes under an equivalent name (é as one character or two): if ${source.name} has both, rename one of them`
}

/** A name that was listed may have been removed since. */
async function whereGone(source: Backend, name: string): Promise<Outcome> {
  if (isListable(source) && (await lists(source, name)))
    throw new StorageError('unavailable', LISTED_BUT_ABSENT, { backend: source.name })
  return skipped(source, 'gone')
}

export const LISTED_BUT_ABSENT = 'lists it, but answers that it does not exist: is reading it allowed?'

/** Whether the backend lists the name: it sorts before all others that begin with it. */
export async function lists(backend: ListableBackend, name: string): Promise<boolean> {
  const page = await backend.list({ prefix: name, limit: 1 })
  return page.objects.some((object) => object.name === name && !object.deleted)
}

/** Why nothing behind a backend that is no source is copied: what it has is served in its place. */
async function whyNotServed(
  chain: Chain,
  backend: Backend,
  name: string,
): Promise<'tombstoned' | 'shadowed' | null> {
  const info = accepts(backend, name) ? await backend.head(name, { fresh: true }) : null
  if (info?.deleted) return hides(chain, { backend, info }) ? 'tombstoned' : null
  return info && 'shadowed'
}

/** To a copy, a tombstone looks like an absent object; what is behind it must not come back. */
async function hasTombstone(chain: Chain, source: Backend, name: string): Promise<boolean> {
  if (!chain.tombstones || !isWritable(source)) return false
  return hides(chain, { backend: source, info: (await source.head(name)) ?? undefined })
}
