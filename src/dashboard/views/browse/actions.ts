import { signal } from '@preact/signals'
import type { Migrated } from '../../../client/client.ts'
import { chain, destinations } from '../../chain.ts'
import { type Recovery, recoveryOf } from '../../deletion.ts'
import { plural } from '../../format.ts'
import { isSigned, linkTo } from '../../links.ts'
import { visible } from '../../parts/name.tsx'
import { describeShort } from '../../parts/problem.tsx'
import { showToast } from '../../parts/toast.tsx'
import { client } from '../../session.ts'
import { chunksOf, forEachName } from './bulk.ts'
import { focusActiveRow } from './use-list.ts'
import type { Listing } from './listing.ts'

/** What is done to many objects at the moment. */
export const running = signal<{ label: string; done: number; total: number; stop: () => void } | null>(null)

export interface Deletion {
  listing: Listing
  /** By what an undelete would do for them. */
  names: Record<Recovery, readonly string[]>
}

/** A delete that waits for a confirmation, because it may be final. */
export const deletion = signal<Deletion | null>(null)

/** The most names that one request of `migrate` takes. */
const MAX_MIGRATED = 100
/** Each check costs a request to every backend. */
const MAX_CHECKED = 100

/** Shows how far the work is, and lets it be stopped. */
async function withProgress<Result>(
  label: string,
  total: number,
  work: (options: { signal: AbortSignal; onProgress: (done: number) => void }) => Promise<Result>,
): Promise<Result> {
  const abort = new AbortController()
  const stop = () => abort.abort()
  running.value = { label, done: 0, total, stop }
  try {
    return await work({
      signal: abort.signal,
      onProgress: (done) => (running.value = { label, done, total, stop }),
    })
  } finally {
    running.value = null
  }
}

/** Copies objects now. */
export async function migrate(listing: Listing, names: readonly string[]): Promise<void> {
  const results: Migrated[] = []
  const failures: string[] = []
  await withProgress('Migrating', names.length, async ({ signal, onProgress }) => {
    for (const chunk of chunksOf(names, MAX_MIGRATED)) {
      if (signal.aborted) return
      try {
        results.push(...(await client.migrate(chunk)))
      } catch (error) {
        failures.push(describeShort(error))
        return
      }
      onProgress(results.length)
    }
  })
  const withOutcome = (wanted: string) => results.filter(({ outcome }) => outcome === wanted)
  const copied = withOutcome('copied')
  const present = withOutcome('present')
  const [only, ...others] = destinations.value
  const isKnown = only !== undefined && others.length === 0
  if (isKnown) listing.move(new Set(copied.map(({ name }) => name)), only)
  // Another writable backend may have them.
  if (!isKnown || present.length > 0) void listing.reload()
  for (const { name, error, detail } of withOutcome('failed'))
    failures.push(`${visible(name)}: ${detail ?? error}`)
  report(
    [
      [copied.length, 'moved'],
      [present.length, 'not to be moved'],
      [withOutcome('absent').length, 'not there any more'],
    ],
    failures,
  )
}

/** Links to the objects, one a line. Each costs a request only where reads need a signature. */
export async function linksTo(names: readonly string[]): Promise<string> {
  const [first = ''] = names
  const links = new Map(names.map((name) => [name, client.mediaUrl(name)]))
  if (isSigned(await linkTo(first))) {
    const { done, failed } = await withProgress('Signing links', names.length, (options) =>
      forEachName(names, linkTo, options),
    )
    if (failed[0]) throw failed[0].error
    if (done.length < names.length) throw new Error('stopped, so nothing was copied')
    for (const { name, result } of done) links.set(name, result)
  }
  return [...links.values()].join('\n')
}

/** Deletes objects; asks first if some of them could not be restored. */
export async function startDelete(listing: Listing, names: readonly string[]): Promise<void> {
  const recoveries = new Map<string, Recovery>(names.map((name) => [name, 'uncertain']))
  if (names.length <= MAX_CHECKED) {
    const { done } = await withProgress('Looking for other copies', names.length, (options) =>
      forEachName(names, async (name) => recoveryOf(await client.explain(name), chain.value), options),
    )
    for (const { name, result } of done) recoveries.set(name, result)
  }
  const which = (recovery: Recovery) => names.filter((name) => recoveries.get(name) === recovery)
  const found: Deletion = {
    listing,
    names: { restorable: which('restorable'), final: which('final'), uncertain: which('uncertain') },
  }
  if (found.names.restorable.length === names.length) await confirmDelete(found)
  else deletion.value = found
}

export async function confirmDelete({
  listing,
  names: { restorable, final, uncertain },
}: Deletion): Promise<void> {
  deletion.value = null
  const names = [...restorable, ...final, ...uncertain]
  const { done, failed } = await withProgress('Deleting', names.length, (options) =>
    forEachName(names, (name) => client.delete(name), options),
  )
  const deleted = new Set(done.map(({ name }) => name))
  listing.remove(deleted)
  requestAnimationFrame(() => {
    // The focus was in a row that is gone.
    if (document.activeElement === document.body) focusActiveRow()
  })
  const undoable = [...restorable, ...uncertain].filter((name) => deleted.has(name))
  report(
    [[deleted.size, 'deleted']],
    failed.map(({ name, error }) => `${visible(name)}: ${describeShort(error)}`),
    undoable.length > 0 ? { label: 'Undo', run: () => void undo(listing, undoable) } : undefined,
  )
}

async function undo(listing: Listing, names: readonly string[]): Promise<void> {
  const { done, failed } = await withProgress('Restoring', names.length, (options) =>
    forEachName(names, (name) => client.undelete(name), options),
  )
  const restored = done.filter(({ result }) => result.restored).length
  report(
    [
      [restored, 'restored'],
      [done.length - restored, 'gone: no other backend has it'],
    ],
    failed.map(({ name, error }) => `${visible(name)}: ${describeShort(error)}`),
  )
  await listing.reload()
}

/** Says in one line how many objects had which outcome, and the first failure in full. */
function report(
  counts: readonly (readonly [count: number, outcome: string])[],
  failures: readonly string[],
  action?: { label: string; run: () => void },
): void {
  const parts = counts.flatMap(([count, outcome]) =>
    count > 0 ? [`${plural(count, 'object')} ${outcome}`] : [],
  )
  const [first] = failures
  if (first !== undefined) parts.push(`${plural(failures.length, 'failure')}: ${first}`)
  if (failures.length > 1) parts.push(`and ${failures.length - 1} more`)
  if (parts.length === 0) parts.push('Nothing was done')
  showToast(`${parts.join(', ')}.`, {
    tone: first === undefined ? 'good' : 'bad',
    ...(action && { action }),
  })
}
