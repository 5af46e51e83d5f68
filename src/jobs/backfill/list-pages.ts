import type { Chain } from '../../chain/fallback.ts'
import { isListable, isWritable, type ListableBackend } from '../../storage/backend.ts'
import { StorageError, toStorageError } from '../../storage/errors.ts'
import type { Counters } from '../../schemas/job-answers.ts'
import { isClosed } from '../job-record.ts'
import { createWalk, type Walk } from '../walk.ts'
import { classify } from './classify.ts'
import { cut } from './cut.ts'
import { addFound } from './estimate.ts'
import type { Deployment } from '../../deployment.ts'
import type { BackfillRecord, ManifestObject, PageEntry } from './job-types.ts'
import type { ManifestLines } from './manifest.ts'
import { isActive, shares } from './pages.ts'
import { mirrorNamed } from '../mirrored.ts'
import { classifyForMirror, openMirrorWalk } from './resync.ts'
import { isFinal, type ManifestSlice, readManifest } from './read-manifest.ts'
import { addOutcome, type JobState, noCounts } from './store.ts'

/** With so many pages ahead of the copies, listing pauses. */
const PAGES_AHEAD = 100
/** Names that are listed at once: ten pages. */
const NAMES = 1000
/** No message may have more than 128 KB, and one up to 64 KB counts as one operation. */
const PAGE = { maxItems: 100, maxBytes: 60_000 }

/** Whether there are names to be listed, and the copies are not too far behind. */
export function canList({ store, now }: JobState, record: BackfillRecord | undefined): boolean {
  if (!isActive(record, now()) || record.listed || record.options.manifest?.from === 'client') return false
  return store.pages() < Math.max(PAGES_AHEAD, 20 * shares(record.options.maxConcurrency).consumers)
}

/** All backends up to the last source: those that were not chosen may shadow those that were. */
export function openWalk(chain: Chain, { options, position }: BackfillRecord): Walk {
  if (options.mirror !== undefined) {
    const { prefix } = options
    return openMirrorWalk(chain, mirrorNamed(chain, options.mirror), { prefix, position })
  }
  const missing = options.backends.find((name) => !chain.backends.some((backend) => backend.name === name))
  if (missing !== undefined)
    throw new StorageError('unsupported', 'is not configured any more', { backend: missing })
  const last = chain.backends.findLastIndex(({ name }) => options.backends.includes(name))
  const backends: ListableBackend[] = chain.backends.slice(0, last + 1).filter(isListable)
  // What is there already is not replaced by a copy.
  const mayMiss = (backend: ListableBackend): boolean =>
    isWritable(backend) && !options.backends.includes(backend.name)
  return createWalk(backends, options.prefix, { position, mayMiss })
}

/** Lists the next names into pages. Throws if a listing fails; the names before it are in pages then. */
export async function listPages(
  { store, change }: JobState,
  walk: Walk,
  chain: Chain,
  { backends, mirror }: BackfillRecord['options'],
): Promise<void> {
  const steps = await walk.take(NAMES)
  const chosen = new Set(backends)
  const target = mirror === undefined ? undefined : mirrorNamed(chain, mirror)
  const names = steps.flatMap(
    (step) => (target ? classifyForMirror(chain, target, step) : classify(chain, chosen, step)) ?? [],
  )
  change((record) => {
    if (isClosed(record)) return false
    for (const [source, own] of Map.groupBy(names, ({ held }) => held.backend.name)) {
      const counts: Counters = { ...noCounts(), listed: own.length }
      const copies: PageEntry[] = []
      for (const { held, what, reason, failure } of own) {
        const { name, size = null } = held.object
        if (what === 'copy') copies.push([name, size])
        else addOutcome(counts, { what, ...(reason && { reason }) })
        if (failure) store.addFailure({ ...failure, name, size, source, attempts: 0 })
      }
      store.count(source, counts)
      store.count(null, counts)
      addFound(record.found, source, copies)
      if (!record.options.dryRun) addPages(store, source, copies)
    }
    record.position = walk.position()
    record.listed = walk.ended
    delete record.waiting
  })
}

export function addPages(store: JobState['store'], source: string | null, names: readonly PageEntry[]): void {
  for (const page of cut(names, PAGE)) store.addPage({ source, names: page })
}

/** Adds names of a manifest to pages, and lines without a name as failures. `also` changes the record further. */
export function addNames(
  { store, change }: JobState,
  { names, failures }: ManifestLines,
  also: (record: BackfillRecord) => void = () => {},
): void {
  change((record) => {
    if (isClosed(record)) return false
    const { prefix, dryRun } = record.options
    const wanted = [...new Map(names)].filter(([name]) => name.startsWith(prefix))
    addFound(record.found, null, wanted)
    if (!dryRun) addPages(store, null, wanted)
    for (const failure of failures)
      store.addFailure({ ...failure, size: null, source: null, backend: '', error: 'invalid', attempts: 0 })
    store.count(null, { listed: wanted.length + failures.length, failed: failures.length })
    also(record)
  })
}

/** Reads a manifest that is an object of the chain, or of one of its backends. */
export function openManifest(
  { copyChain: chain, config }: Pick<Deployment, 'copyChain' | 'config'>,
  { backend: holder, ...object }: ManifestObject,
  { options, manifest: position }: BackfillRecord,
): AsyncGenerator<ManifestSlice> {
  const backend = holder === undefined ? chain : chain.backends.find((one) => one.name === holder)
  if (!backend) throw new StorageError('unsupported', 'is not configured any more', { backend: holder ?? '' })
  const keyPrefix = (bucket: string): string => {
    const near = config.backends.filter((one) => one.name === holder || options.backends.includes(one.name))
    const named = near.find((one) => one.type === 's3' && one.bucket === bucket)
    return (named ?? near.find((one) => one.name === holder))?.prefix ?? ''
  }
  return readManifest({ ...object, backend, keyPrefix }, position)
}

/** Adds the next names of a manifest that is an object. If the rest cannot be read, that is a failure. */
export async function takeNames(
  state: JobState,
  { name }: ManifestObject,
  slices: AsyncGenerator<ManifestSlice>,
): Promise<void> {
  const next = await slices.next().catch((error: unknown) => {
    const failure = toStorageError(error, 'chain')
    if (!isFinal(failure)) throw failure
    return failure.failures[0] ?? failure
  })
  const isFailed = next instanceof StorageError
  const failures = isFailed ? [{ name, detail: `the manifest: ${next.message}` }] : []
  const slice = isFailed || next.done ? undefined : next.value
  addNames(state, slice ?? { names: [], failures }, (record) => {
    if (slice) record.manifest = slice.position
    else record.listed = true
  })
}
