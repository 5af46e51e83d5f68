import { type StorageError, toStorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import type { JobState } from './desk.ts'
import type { PageEntry } from './job-types.ts'
import { cutPages } from './listing.ts'
import { type ManifestLines, type ManifestSlice, readSlice } from './manifest.ts'
import { type BackfillRecord, isClosed } from './record.ts'

/** Takes names of a manifest up into pages, and lines that hold none as failures. `change` goes into the same transaction. */
export function addNames(
  { ledger, load, save, now, atomically }: JobState,
  { names, failures }: ManifestLines,
  change: (record: BackfillRecord) => void = () => {},
): void {
  atomically(() => {
    const record = load()
    if (!record || isClosed(record)) return
    const { prefix, dryRun } = record.options
    const wanted = [...new Set(names)].filter((name) => name.startsWith(prefix))
    record.found.objects += wanted.length
    if (!dryRun) {
      const entries = wanted.map((name): PageEntry => [name, null])
      for (const page of cutPages(entries)) ledger.addPage({ source: null, names: page })
    }
    for (const { name, detail } of failures)
      ledger.addFailure({
        name,
        size: null,
        source: null,
        backend: '',
        error: 'invalid',
        detail,
        attempts: 0,
      })
    ledger.count(null, { listed: wanted.length + failures.length, failed: failures.length })
    change(record)
    record.updated = now()
    save(record)
  })
}

/** These will not mend themselves. */
const HOPELESS = new Set(['absent', 'precondition', 'invalid', 'unsupported'])

/** Takes up the next lines of a manifest that is an object of the chain. One that cannot be read to its end is a failure. */
export async function readManifest(state: JobState, chain: Chain, record: BackfillRecord): Promise<void> {
  const { manifest } = record.options
  if (manifest?.from !== 'object') return
  const slice = await readSlice(chain, manifest.name, record.manifest ?? { offset: 0 }).catch(
    (error: unknown): ManifestSlice => {
      const failure = toStorageError(error, 'chain', manifest.name)
      if (!HOPELESS.has(failure.code)) throw failure
      const failures = [{ name: manifest.name, detail: `as the manifest: ${whyOf(failure)}` }]
      return { names: [], failures, offset: 0, ended: true }
    },
  )
  addNames(state, slice, (current) => {
    const { offset, etag } = slice
    current.manifest = { offset, ...(etag !== undefined && { etag }) }
    current.listed = slice.ended
  })
}

function whyOf(failure: StorageError): string {
  return failure.failures[0]?.message ?? failure.message
}
