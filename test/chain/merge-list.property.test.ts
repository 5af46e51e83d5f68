import fc from 'fast-check'
import { expect, it } from 'vitest'

import { directoryOf } from '../../src/storage/roll-up.ts'
import type { ListableBackend } from '../../src/storage/backend.ts'
import type { MergedPage, MergeListOptions } from '../../src/chain/merge-list.ts'
import { mergeList } from '../../src/chain/merge-list.ts'
import { compareNames } from '../../src/storage/order.ts'
import { sized } from '../kit/sample.ts'
import type { Held } from './list-backends.ts'
import { afterBackend, cursorBackend, failing, filteredBackend, readOnly } from './list-backends.ts'

const RUNS = sized(600, 100)
const MAKERS = { after: afterBackend, cursor: cursorBackend, filtered: filteredBackend }

interface Plan {
  kind: keyof typeof MAKERS
  pageSize: number
  writable: boolean
  held: Held[]
}

// U+E000 and U+1F600 sort differently by UTF-16 units; '-', '.' and '0' are the neighbours of '/'.
const segment = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('a', 'b', 'c', 'a-', 'a.', 'a0', '\u{E000}', '\u{1F600}', '\u{10FFFF}', 'é'),
  },
  { weight: 1, arbitrary: fc.constantFrom('', '1', '2', '3', 'hidde', 'z') },
)
const name = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join('/'))
  .filter((text) => text !== '')
const held = fc.uniqueArray(fc.record({ name, deleted: fc.boolean() }), {
  selector: (one) => one.name,
  maxLength: 40,
  size: 'max',
})
const plan: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constantFrom('after', 'cursor', 'filtered'),
  pageSize: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(1000)),
  writable: fc.boolean(),
  held,
})
const listing = {
  plans: fc.array(plan, { minLength: 2, maxLength: 4 }),
  tombstones: fc.boolean(),
  prefix: fc.constantFrom('', '', 'a', 'a/', 'b/', 'a/b/', '\u{1F600}/', 'nothing'),
  // Of other delimiters, some overlap with the prefix, and some have several characters.
  delimiter: fc.constantFrom(
    undefined,
    undefined,
    '/',
    '/',
    '/',
    'a',
    '-',
    '/a',
    'aa',
    '\u{10FFFF}',
    '\u{1F600}/',
  ),
  after: fc.option(fc.oneof(name, fc.constantFrom('a/', 'b/', '/', 'a/b/', 'zz')), {
    nil: undefined,
    freq: 2,
  }),
  limits: fc.array(fc.oneof(fc.integer({ min: 1, max: 8 }), fc.constant(1000)), {
    minLength: 1,
    maxLength: 5,
  }),
}

it(
  'pages are the sorted union of all backends: no name twice, none missing, and they end',
  { timeout: 60_000 },
  () =>
    fc.assert(
      fc.asyncProperty(fc.record(listing), async ({ plans, limits, ...query }) => {
        const backends = await build(plans)
        const options = optionsOf(query)
        const pages = await walk(backends, options, limits)
        expect(pages.flatMap(entriesOf)).toEqual(union(plans, options))
        expect(pages.flatMap(({ degraded }) => degraded)).toEqual([])
      }),
      { numRuns: RUNS },
    ),
)

it(
  'pages stay in order, end, and contain everything in a healthy backend while another fails now and then',
  {
    timeout: 60_000,
  },
  () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({ ...listing, failures: fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }) }),
        async ({ plans, limits, failures, delimiter, ...query }) => {
          const [flaky, ...sound] = await build(plans)
          const backends = flaky
            ? [failing(flaky, (call) => failures[call % failures.length] === true), ...sound]
            : []
          const options = optionsOf({ ...query, delimiter: delimiter && '/', tombstones: false })
          const pages = await walk(backends, options, limits)
          const names = pages.flatMap(entriesOf).map((entry) => entry.name)
          expect(names).toEqual([...new Set(names)].toSorted(compareNames))
          const soundNames = union(
            [{ kind: 'after', pageSize: 1, writable: true, held: [] }, ...plans.slice(1)],
            options,
          )
          expect(names).toEqual(expect.arrayContaining(soundNames.map((entry) => entry.name)))
        },
      ),
      { numRuns: RUNS },
    ),
)

function build(plans: readonly Plan[]): Promise<ListableBackend[]> {
  return Promise.all(
    plans.map(async ({ kind, held, pageSize, writable }, index) => {
      const backend = await MAKERS[kind](`b${index}`, held, pageSize)
      return writable ? backend : readOnly(backend)
    }),
  )
}

interface Query {
  prefix: string
  delimiter: string | undefined
  after: string | undefined
  tombstones: boolean
}

function optionsOf({ delimiter, after, ...query }: Query): MergeListOptions {
  return {
    ...query,
    cursorKey: 'secret',
    ...(delimiter !== undefined && { delimiter }),
    ...(after !== undefined && { after }),
  }
}

/** All pages; a page that throws is retried a few times, as a client would. */
async function walk(
  backends: readonly ListableBackend[],
  options: MergeListOptions,
  limits: readonly number[],
): Promise<MergedPage[]> {
  const pages: MergedPage[] = []
  let cursor: string | null | undefined
  for (let turn = 0; cursor !== null; turn++) {
    // Far more than any of these trees needs.
    if (turn > 1000) throw new Error('the listing does not end')
    const limit = limits[turn % limits.length] ?? 1
    const page: MergedPage | undefined = await mergeList(backends, {
      ...options,
      limit,
      ...(cursor !== undefined && { cursor }),
    }).catch((error) => {
      if (error.failures?.length > 0) return undefined
      throw error
    })
    if (!page) continue
    expect(page.objects.length + page.directories.length).toBeLessThanOrEqual(limit)
    expect(page.cursor).not.toBe(cursor)
    pages.push(page)
    cursor = page.cursor
  }
  return pages
}

interface Shown {
  name: string
  /** Absent for a directory. */
  backend?: string
}

/** A page's objects and directories in one order; fails if either list is not sorted. */
function entriesOf({ objects, directories }: MergedPage): Shown[] {
  const shown: Shown[] = objects.map(({ name, backend }) => ({ name, backend }))
  expect(shown).toEqual(shown.toSorted((a, b) => compareNames(a.name, b.name)))
  expect(directories).toEqual(directories.toSorted(compareNames))
  return [...shown, ...directories.map((name) => ({ name }))].toSorted((a, b) => compareNames(a.name, b.name))
}

/** The whole listing, computed the simple way: with every backend's names in memory at once. */
function union(plans: readonly Plan[], options: MergeListOptions): Shown[] {
  const { prefix = '', delimiter, after } = options
  const shown = new Map<string, Shown>()
  for (const { name } of plans.flatMap(({ held }) => held)) {
    if (!name.startsWith(prefix)) continue
    const directory = directoryOf(name, prefix, delimiter)
    if (directory !== undefined) shown.set(directory, { name: directory })
    else {
      const index = servedBy(plans, name, options.tombstones ?? false)
      if (index !== undefined) shown.set(name, { name, backend: `b${index}` })
    }
  }
  for (const { kind } of plans) {
    // Only `/` is rolled up by the backend itself, before it drops the names.
    const directory = kind === 'filtered' && delimiter === '/' && directoryOf('b/hidden-0', prefix, delimiter)
    if (directory && 'b/hidden-0'.startsWith(prefix)) shown.set(directory, { name: directory })
  }
  return [...shown.values()]
    .filter(({ name }) => after === undefined || compareNames(name, after) > 0)
    .toSorted((a, b) => compareNames(a.name, b.name))
}

/** The first that has it, unless there is a tombstone before it, or in the first writable backend. */
function servedBy(plans: readonly Plan[], name: string, tombstones: boolean): number | undefined {
  const states = plans.map(({ held }) => held.find((one) => one.name === name))
  const writer = plans.findIndex(({ writable }) => writable)
  const first = states.findIndex(
    (state, index) => state && (!state.deleted || (tombstones && plans[index]?.writable)),
  )
  if (first < 0 || states[first]?.deleted) return undefined
  return tombstones && first < writer && states[writer]?.deleted ? undefined : first
}
