import { createHash } from 'node:crypto'
import pLimit from 'p-limit'
import type { Outcome } from './expected.ts'
import type { FaultName } from '../kit/origin/faults.ts'
import { startSite, type Site } from '../kit/worker/site.ts'
import { copiedNames, copyEnded, isRightCopy, observe, type Probe } from './observe.ts'
import { startOrigin, type Origin } from '../kit/origin/origin.ts'
import { CHAINS, OPERATIONS, variants, type Operation, type Position } from './situations.ts'

/** The responses, by `keyOf`. An error is a result, too. */
export type Seen = Map<string, Outcome | { error: string }>

export function keyOf(fault: FaultName, operation: Operation, elsewhere: boolean): string {
  return `${fault} ${operation} ${elsewhere ? 'elsewhere' : 'alone'}`
}

const TIMES = { timeout_ms: 2500, idle_timeout_ms: 1000 }
const VARS = { FALLBACK_BREAKER_FAILURES: '0', FALLBACK_NEGATIVE_CACHE_SECONDS: '0' }
/** More than is read into memory first, so that bodies that break do so while they stream. */
const SIZE = 196_608
const CONCURRENCY = 24
/** Faults that affect other names too: the closed port, and HEAD, which is no longer sent. Each runs alone. */
const ALONE: readonly FaultName[] = ['refuse', 'noHead']

interface Stage {
  position: Position
  site: Site
  old: Origin
  spare: Origin
}

/** Makes every request of the table about these faults to one chain, over sockets. */
export async function runTable(
  position: Position,
  migrating: boolean,
  names: readonly FaultName[],
): Promise<Seen> {
  const [old, spare] = await Promise.all([startOrigin(), startOrigin()])
  const urls: Record<string, string> = { old: old.url, spare: spare.url }
  const storages = CHAINS[position].map(({ name, type }) => {
    if (type === 'http') return { type, name, url: urls[name], listing: 'autoindex-json', ...TIMES }
    return { type, name, binding: name.toUpperCase() }
  })
  const vars = { ...VARS, FALLBACK_DATA_MIGRATION: `${migrating}` }
  const site = await startSite({ storages, vars, retries: 0 })
  const stage = { position, site, old, spare }
  const seen: Seen = new Map()
  try {
    await runTogether(
      stage,
      names.filter((fault) => !ALONE.includes(fault)),
      seen,
    )
    for (const fault of names.filter((name) => ALONE.includes(name))) await runTogether(stage, [fault], seen)
  } finally {
    await site.close()
    await Promise.all([old.close(), spare.close()])
  }
  return seen
}

async function runTogether(stage: Stage, names: readonly FaultName[], seen: Seen): Promise<void> {
  const { site, position, old } = stage
  const limit = pLimit(CONCURRENCY)
  const cells = names.flatMap((fault) =>
    variants(position).flatMap((elsewhere) =>
      OPERATIONS.map((operation) => ({ fault, elsewhere, operation })),
    ),
  )
  const probes = await Promise.all(cells.map((cell) => prepare(stage, cell)))
  const results = await Promise.all(probes.map((probe) => limit(() => request(site, probe))))
  const copies = await copiedNames(site)
  await Promise.all(
    results.map(({ probe, outcome }) =>
      limit(async () => {
        if ('error' in outcome || !copies.has(probe.name)) return seen.set(probe.key, outcome)
        const isRight = await isRightCopy(site, probe)
        return seen.set(probe.key, isRight ? { ...outcome, copied: true } : { error: 'a wrong copy' })
      }),
    ),
  )
  await old.reset()
}

interface Result {
  probe: KeyedProbe
  outcome: Outcome | { error: string }
}

async function request(site: Site, probe: KeyedProbe): Promise<Result> {
  try {
    const outcome = await observe(site, probe)
    if (outcome.cacheStatus?.includes('stored')) await copyEnded(site, probe)
    return { probe, outcome: { ...outcome, copied: false } }
  } catch (error) {
    return { probe, outcome: { error: String(error) } }
  }
}

interface KeyedProbe extends Probe {
  key: string
}

interface Cell {
  fault: FaultName
  elsewhere: boolean
  operation: Operation
}

/** A separate name, with its own bytes, for each cell of the table. */
async function prepare({ position, site, old, spare }: Stage, cell: Cell): Promise<KeyedProbe> {
  const { fault, elsewhere, operation } = cell
  const key = keyOf(fault, operation, elsewhere)
  const directory = `${key}/`
  const file = 'a b.jpg'
  const name = directory + file
  const content = Buffer.alloc(SIZE, `${name} is here. `)
  const etag = `"${createHash('md5').update(content).digest('hex')}"`
  const listing = JSON.stringify([{ name: file, type: 'file', size: SIZE }])
  for (const origin of elsewhere ? [old, spare] : [old]) {
    origin.add(name, content, { type: 'image/jpeg', etag })
    origin.add(directory, listing, { type: 'application/json' })
  }
  await old.set(name, fault)
  await old.set(directory, fault)
  // R2's own ETag is the MD5 too.
  if (elsewhere && position === 'first')
    await site.bucket.put(name, content, { httpMetadata: { contentType: 'image/jpeg' } })
  return { key, operation, directory, name, content }
}
