import type { MergedPage } from '../src/chain/merge-list.ts'
import { mergeList } from '../src/chain/merge-list.ts'
import type { Figure } from './figure.ts'
import { keeps, median, printFigures } from './figure.ts'
import type { SortedBackend } from './sorted-backend.ts'
import { sortedBackend } from './sorted-backend.ts'

const COUNT = 1_000_000
const LIMIT = 1000
/** Pages at either end whose latency is compared. */
const SAMPLE = 100
/** How often each of them is requested. */
const REPEATS = 3

/** Which of the names each backend has; every name is in at least one of them. */
const LAYOUTS = {
  'all migrated': { primary: () => true, fallback: () => true },
  'half migrated': { primary: (index: number) => index % 2 === 0, fallback: () => true },
  'interleaved halves': {
    primary: (index: number) => index % 2 === 0,
    fallback: (index: number) => index % 2 === 1,
  },
  'old half, new half': {
    primary: (index: number) => index >= COUNT / 2,
    fallback: (index: number) => index < COUNT / 2,
  },
}

type Cursor = string | undefined

interface Walk {
  names: number
  /** The cursor that each page was requested with. */
  cursors: Cursor[]
  /** Milliseconds that each page took. */
  times: number[]
  /** List requests that had to be made. */
  minimum: number
}

/** Walks a merged listing of a million names over two backends, for each distribution of the names. */
export async function benchListing(): Promise<Figure[]> {
  const names = Array.from({ length: COUNT }, (_, index) => nameOf(index))
  const figures: Figure[] = []
  for (const [layout, holds] of Object.entries(LAYOUTS)) {
    const primary = sortedBackend(
      'primary',
      names.filter((_, index) => holds.primary(index)),
    )
    const fallback = sortedBackend(
      'fallback',
      names.filter((_, index) => holds.fallback(index)),
    )
    const walked = await walk(primary, fallback)
    if (walked.names !== COUNT) throw new Error(`${layout}: ${walked.names} names came instead of ${COUNT}`)
    const calls = primary.calls + fallback.calls
    const latency = await compareEnds([primary, fallback], walked.cursors)
    figures.push(...figuresOf(layout, { ...walked, calls, ...latency }))
  }
  return figures
}

interface Measured extends Walk {
  calls: number
  first: number
  last: number
}

function figuresOf(layout: string, { cursors, times, minimum, calls, first, last }: Measured): Figure[] {
  const figure = (name: string, value: number, unit: string): Figure => ({
    name: `listing, ${layout}: ${name}`,
    value,
    unit,
  })
  return [
    figure('pages', cursors.length, 'pages'),
    figure('list calls', calls, 'calls'),
    { ...figure('list calls / minimum', calls / minimum, '×'), limit: 1.1 },
    figure(
      'latency during the walk, last / first',
      median(times.slice(-SAMPLE)) / median(times.slice(0, SAMPLE)),
      '×',
    ),
    figure(`latency of the first ${SAMPLE} pages`, first, 'ms'),
    figure(`latency of the last ${SAMPLE} pages`, last, 'ms'),
    { ...figure('latency in turn, last / first', last / first, '×'), limit: 1.2 },
  ]
}

async function walk(primary: SortedBackend, fallback: SortedBackend): Promise<Walk> {
  const held = new Set(fallback.names)
  const result: Walk = { names: 0, cursors: [], times: [], minimum: 0 }
  let cursor: string | null | undefined
  while (cursor !== null) {
    result.cursors.push(cursor)
    const started = performance.now()
    const page = await list([primary, fallback], cursor)
    result.times.push(performance.now() - started)
    result.names += page.objects.length
    // The primary is needed for each page's tombstones, the fallback if it has one of the page's names.
    result.minimum += page.objects.some(({ name }) => held.has(name)) ? 2 : 1
    cursor = page.cursor
  }
  return result
}

/**
 * Median milliseconds of the first and of the last pages. They are requested in turn after the walk has warmed up the
 * code: else the first would be slow without compiled code, and any other load would fall on one end only.
 */
async function compareEnds(
  backends: SortedBackend[],
  cursors: Cursor[],
): Promise<{ first: number; last: number }> {
  const times = { first: [] as number[], last: [] as number[] }
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (let page = 0; page < SAMPLE; page++) {
      times.first.push(await timed(() => list(backends, cursors[page])))
      times.last.push(await timed(() => list(backends, cursors[cursors.length - SAMPLE + page])))
    }
  }
  return { first: median(times.first), last: median(times.last) }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

function list(backends: SortedBackend[], cursor: Cursor): Promise<MergedPage> {
  return mergeList(backends, {
    tombstones: true,
    cursorKey: 'the secret of this benchmark',
    limit: LIMIT,
    ...(cursor !== undefined && { cursor }),
  })
}

function nameOf(index: number): string {
  const digits = String(index).padStart(7, '0')
  return `photos/${digits.slice(0, 2)}/${digits.slice(2, 4)}/${digits}-ünïcode name.jpg`
}

if (import.meta.main) {
  const figures = await benchListing()
  printFigures(figures)
  process.exitCode = figures.every(keeps) ? 0 : 1
}
