import type { Chain } from '../../chain/fallback.ts'
import { isListable, type ListableBackend } from '../../storage/backend.ts'
import { StorageError, toStorageError } from '../../storage/errors.ts'
import { createWalk, type Walk } from '../walk.ts'
import type { JobState } from './context.ts'
import type { PageEntry } from './job-types.ts'
import { cutPages, type Listed, listSome } from './listing.ts'
import { type ManifestLines, type ManifestSlice, readSlice } from './manifest.ts'
import { addFound, type BackfillRecord, isClosed, waitAfter } from './record.ts'
import { isActive, shares } from './take-report.ts'

/** A lister this far ahead of the copies waits for them. */
const PAGES_AHEAD = 100

/** Whether there are names to be listed, and the copies are not too far behind. */
export function canList({ store, now }: JobState, record: BackfillRecord | undefined): boolean {
  if (!isActive(record, now()) || record.listed || record.options.manifest?.from === 'client') return false
  return store.pages() < Math.max(PAGES_AHEAD, 20 * shares(record.options.maxConcurrency).consumers)
}

/** All that may hold a name before or at the last source: what is not chosen may shadow what is. */
export function openWalk(chain: Chain, { options, position }: BackfillRecord): Walk {
  const missing = options.backends.find((name) => !chain.backends.some((backend) => backend.name === name))
  if (missing !== undefined)
    throw new StorageError('unsupported', 'is not configured any more', { backend: missing })
  const last = chain.backends.findLastIndex(({ name }) => options.backends.includes(name))
  const backends: ListableBackend[] = chain.backends.slice(0, last + 1).filter(isListable)
  return createWalk(backends, options.prefix, position)
}

/** Takes some names from the walk into pages. `false` where a listing failed: then the walk must begin anew, later. */
export async function listPages(
  state: JobState,
  walk: Walk,
  chain: Chain,
  sources: readonly string[],
): Promise<boolean> {
  const listed = await listSome(walk, chain, new Set(sources))
  keepListed(state, walk, listed)
  return listed.error === undefined
}

function keepListed({ store, atomically, load, save, now }: JobState, walk: Walk, listed: Listed): void {
  atomically(() => {
    const record = load()
    if (!record || isClosed(record)) return
    for (const [backend, counts] of listed.counts) {
      store.count(backend, counts)
      store.count(null, counts)
    }
    for (const [source, names] of listed.copies) {
      addFound(record, source, names)
      if (!record.options.dryRun) for (const page of cutPages(names)) store.addPage({ source, names: page })
    }
    for (const failure of listed.failures)
      store.addFailure({ ...failure, source: failure.backend, attempts: 0 })
    record.position = walk.position()
    record.listed = listed.ended
    record.updated = now()
    if (listed.error) waitAfter(record, listed.error, now())
    else delete record.waiting
    save(record)
  })
}

/** Takes names of a manifest into pages, and lines that hold none as failures. `change` is made in the same transaction. */
export function addNames(
  { store, load, save, now, atomically }: JobState,
  { names, failures }: ManifestLines,
  change: (record: BackfillRecord) => void = () => {},
): void {
  atomically(() => {
    const record = load()
    if (!record || isClosed(record)) return
    const { prefix, dryRun } = record.options
    const wanted = [...new Set(names)].filter((name) => name.startsWith(prefix))
    record.found.objects += wanted.length
    const entries = wanted.map((name): PageEntry => [name, null])
    if (!dryRun) for (const page of cutPages(entries)) store.addPage({ source: null, names: page })
    for (const { name, detail } of failures) {
      const failure = { name, size: null, source: null, backend: '', error: 'invalid', detail } as const
      store.addFailure({ ...failure, attempts: 0 })
    }
    store.count(null, { listed: wanted.length + failures.length, failed: failures.length })
    change(record)
    record.updated = now()
    save(record)
  })
}

/** With these, another try would bring the same. */
const FINAL = new Set(['absent', 'precondition', 'invalid', 'unsupported'])

/** Takes the next lines of a manifest that is an object of the chain. One that cannot be read to its end is a failure. */
export async function readManifest(
  state: JobState,
  chain: Chain,
  name: string,
  position: BackfillRecord['manifest'],
): Promise<void> {
  const slice = await readSlice(chain, name, position ?? { offset: 0 }).catch(
    (error: unknown): ManifestSlice => {
      const failure = toStorageError(error, 'chain', name)
      if (!FINAL.has(failure.code)) throw failure
      const why = failure.failures[0]?.message ?? failure.message
      return { names: [], failures: [{ name, detail: `as the manifest: ${why}` }], offset: 0, ended: true }
    },
  )
  addNames(state, slice, (record) => {
    const { offset, etag } = slice
    record.manifest = { offset, ...(etag !== undefined && { etag }) }
    record.listed = slice.ended
  })
}
