import { type StorageError, toStorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import type { Step, Walk } from '../walk.ts'
import { type Counts, type Failure, NO_COUNTS, type PageEntry, type Skips } from './job-types.ts'
import { classify } from './classify.ts'

/** What some listing calls brought, to be kept in one transaction with the walk's position. */
export interface Listed {
  counts: Map<string, Counts & { skips: Skips }>
  copies: Map<string, PageEntry[]>
  failures: Failure[]
  ended: boolean
  /** Why it broke off; what came before is good. */
  error?: StorageError
}

const MAX_COPIES = 1000
const MAX_NAMES = 10_000

/** Takes names from the walk until there are ten pages of copies, many names, or no more. */
export async function listSome(walk: Walk, chain: Chain, sources: ReadonlySet<string>): Promise<Listed> {
  const listed: Listed = { counts: new Map(), copies: new Map(), failures: [], ended: false }
  let copies = 0
  for (let names = 0; names < MAX_NAMES && copies < MAX_COPIES;) {
    let steps: Step[]
    try {
      steps = await walk.take(Math.min(MAX_NAMES - names, MAX_COPIES - copies))
    } catch (error) {
      return { ...listed, error: toStorageError(error, 'chain') }
    }
    if (steps.length === 0) return { ...listed, ended: true }
    names += steps.length
    for (const step of steps) {
      const classified = classify(chain, sources, step)
      if (classified) copies += note(listed, classified)
    }
  }
  return listed
}

function note(listed: Listed, classified: NonNullable<ReturnType<typeof classify>>): number {
  const { object, backend } = classified.held
  const counts = listed.counts.get(backend.name) ?? { ...NO_COUNTS, skips: {} }
  listed.counts.set(backend.name, counts)
  counts.listed++
  const size = object.size ?? null
  if (classified.what === 'copy') {
    const names = listed.copies.get(backend.name) ?? []
    listed.copies.set(backend.name, names)
    names.push([object.name, size])
    return 1
  }
  counts[classified.what]++
  if (classified.what === 'skipped')
    counts.skips[classified.reason] = (counts.skips[classified.reason] ?? 0) + 1
  if (classified.what === 'failed') {
    const { code, message } = classified.error
    listed.failures.push({ name: object.name, size, backend: backend.name, error: code, detail: message })
  }
  return 0
}

/** No message may have more than 128 KB, and one up to 64 KB counts as one operation. */
const MAX_PAGE_BYTES = 60_000
const MAX_PAGE_NAMES = 100
const encoder = new TextEncoder()

/** Cuts names into pages that fit a message. */
export function cutPages(names: readonly PageEntry[]): PageEntry[][] {
  const pages: PageEntry[][] = []
  let page: PageEntry[] = []
  let bytes = 0
  for (const entry of names) {
    const length = encoder.encode(JSON.stringify(entry)).length + 1
    if (page.length === MAX_PAGE_NAMES || (page.length > 0 && bytes + length > MAX_PAGE_BYTES)) {
      pages.push(page)
      page = []
      bytes = 0
    }
    page.push(entry)
    bytes += length
  }
  if (page.length > 0) pages.push(page)
  return pages
}
