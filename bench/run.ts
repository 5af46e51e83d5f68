import { writeFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, release } from 'node:os'
import { parseArgs } from 'node:util'
import type { Bench, Measurement } from './bench.ts'
import { coldReads } from './cold.ts'
import { distantReads } from './distance/reads.ts'
import { existsBatch } from './exists.ts'
import { type Figure, keeps, printFigures } from './figure.ts'
import { benchListing } from './listing.ts'
import { nginx } from './native.ts'
import { original } from './original.ts'
import { OWN } from './own.ts'
import { memory, startUp } from './process.ts'
import { countedHits, edgeHits, fallbackHits, misses, notModified, primaryHits, rangedHits } from './reads.ts'
import { memoryUnderLoad } from './memory-loads.ts'
import { s3Reads, s3Uploads } from './s3.ts'
import { slowPrimary } from './slow-primary.ts'
import { startContest } from './workers.ts'

const MEASUREMENTS: Record<string, Measurement> = {
  'start-up': startUp,
  hit: primaryHits,
  counted: countedHits,
  edge: edgeHits,
  range: rangedHits,
  '304': notModified,
  fallback: fallbackHits,
  cold: coldReads,
  miss: misses,
  exists: existsBatch,
  slow: slowPrimary,
  distance: distantReads,
  s3: s3Reads,
  's3-upload': s3Uploads,
  'memory-loads': memoryUnderLoad,
  memory,
  nginx,
  original,
  listing: benchListing,
}

/** Omitted from a quick run: they take long, or have no goal. */
const NOT_QUICK = new Set(['distance', 'memory', 'memory-loads', 'nginx', 'original', 'listing'])

const TURNS_PER_ROUND = 10
/** Enough for what is clear; what falls short is measured again with all of them. */
const QUICK_TURNS_PER_ROUND = 6

/** How far a ratio may miss its goal before `--check` fails, because test machines are noisy. */
const SLACK = 0.1

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    rounds: { type: 'string' },
  },
})
const rounds = Number(values.rounds ?? (values.quick ? 5 : 7))
const chosen =
  values.only ?? Object.keys(MEASUREMENTS).filter((name) => !values.quick || !NOT_QUICK.has(name))
const unknown = chosen.filter((name) => !(name in MEASUREMENTS))
if (unknown.length > 0 || !(rounds >= 1)) {
  console.error(`usage: npm run bench -- [--check] [--quick] [--rounds N] [--only NAME …]`)
  console.error(`names: ${Object.keys(MEASUREMENTS).join(', ')}`)
  process.exit(2)
}

const results = await measure(chosen, values.quick ? QUICK_TURNS_PER_ROUND : TURNS_PER_ROUND)
if (values.check) await measureAgain(results)
const figures = [...results.values()].flat()
printFigures(figures)
writeFileSync(new URL('./results.json', import.meta.url), `${JSON.stringify(report(figures), null, 2)}\n`)
const missed = figures.filter((figure) => !keeps(figure, SLACK))
for (const { name } of missed)
  console.error(`more than ${SLACK * 100} % short of its goal or accepted value: ${name}`)
process.exitCode =
  (values.check && missed.length > 0) || figures.some(({ value }) => Number.isNaN(value)) ? 1 : 0

async function measure(names: readonly string[], turnsPerRound: number): Promise<Map<string, Figure[]>> {
  const contest = await startContest(OWN)
  const bench: Bench = { contest, rounds, turnsPerRound }
  const measured = new Map<string, Figure[]>()
  try {
    for (const name of names) {
      const measurement = MEASUREMENTS[name]
      if (!measurement) continue
      const started = performance.now()
      console.log(`${name} …`)
      measured.set(name, await measurement(bench).catch(broken(name)))
      console.log(`  ${((performance.now() - started) / 1000).toFixed(1)} s`)
    }
  } finally {
    await contest.stop()
  }
  return measured
}

/** A failed measurement does not affect the others, but the run fails. */
function broken(name: string): (error: unknown) => Figure[] {
  return (error) => {
    console.error(error)
    return [{ name: `${name} could not be measured`, value: Number.NaN, unit: '', atLeast: 1 }]
  }
}

/** Missed goals are measured again, because something else may have kept the machine busy. */
async function measureAgain(results: Map<string, Figure[]>): Promise<void> {
  const short = [...results].flatMap(([name, figures]) =>
    figures.every((figure) => keeps(figure, SLACK)) ? [] : [name],
  )
  if (short.length === 0) return
  console.log(`once more, since they fell short: ${short.join(', ')}`)
  for (const [name, figures] of await measure(short, TURNS_PER_ROUND)) results.set(name, figures)
}

function report(measured: readonly Figure[]): object {
  return {
    measured: new Date().toISOString(),
    machine: `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, ${process.platform} ${release()} ${arch()}`,
    rounds,
    figures: measured,
  }
}
