import { readdirSync, readFileSync } from 'node:fs'
import type { Measurement } from './bench.ts'
import { bundle, gzipKib } from './bundle.ts'
import { openClient, repeat } from './client.ts'
import { median, spreadOf } from './figure.ts'
import { residentBytes } from '../test/kit/worker/process.ts'
import { startups } from './workers.ts'

const HITS = 10_000
const WARM_UP = 3000
const AT_ONCE = 8

/** The start time of a cold isolate, and the size of its bundle. */
export const startUp: Measurement = async ({ contest }) => {
  const times: number[] = []
  for (const worker of startups()) {
    const answer = await fetch(contest.url(worker))
    times.push(Number(await answer.text()))
  }
  const script = gzipKib(await bundle('src/index.ts'))
  const page = pageFiles().reduce((sum, file) => sum + gzipKib(file), 0)
  return [
    { name: 'evaluating the bundle', value: median(times), unit: 'ms', spread: spreadOf(times), limit: 10 },
    { name: 'the bundle, gzipped', value: script, unit: 'KiB', limit: 120, accepted: 167 },
    { name: 'the bundle and its API page', value: script + page, unit: 'KiB', limit: 150, accepted: 201 },
  ]
}

/** The API's documentation is not part of the script: it is in static assets. The dashboard has a budget of its own. */
function pageFiles(): Buffer[] {
  const folder = new URL('../src/assets/', import.meta.url)
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => readFileSync(new URL(name, folder)))
}

/** Memory of the warm process after ten thousand hits, as a multiple of that before. */
export const memory: Measurement = async ({ contest }) => {
  await contest.store('hit/memory.jpg', 4096)
  const client = openClient(AT_ONCE)
  const hits = (count: number) =>
    repeat(count, AT_ONCE, () => client.get(`${contest.url('own')}/hit/memory.jpg`))
  try {
    await hits(WARM_UP)
    const before = residentBytes(contest.pid)
    await hits(HITS)
    const after = residentBytes(contest.pid)
    if (before === undefined || after === undefined) return []
    return [
      {
        name: 'memory after 10,000 more hits ÷ before',
        value: after / before,
        unit: '×',
        limit: 1.1,
        detail: `${toMib(after)} ÷ ${toMib(before)} MiB, all Workers of the process`,
      },
    ]
  } finally {
    client.close()
  }
}

function toMib(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}
