import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startFlapping } from './soak/flapping.ts'
import { createRecord, type Counts } from './soak/record.ts'
import { createRandom } from '../test/kit/random.ts'
import { startSoakSite } from './soak/site.ts'
import { requestOnce } from './soak/traffic.ts'
import { finalCheck } from './soak/final-check.ts'
import { bodyOf, versionId } from './soak/versions.ts'

/** `npm run soak -- --requests 20000 --seed 1`: exits with 1 if anything was lost or wrong. */
const { values } = parseArgs({
  options: { requests: { type: 'string', default: '20000' }, seed: { type: 'string' } },
})
const requests = Number(values.requests)
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32))
if (!Number.isInteger(requests) || requests < 1 || !Number.isInteger(seed)) {
  console.error('--requests and --seed take whole numbers')
  process.exit(2)
}

const NAMES = 500
const CLIENTS = 48
const KILLS = 5
const FAILING = 0.2
const BACKOFF_MS = 200
/** Many old web servers send this with images. */
const IMMUTABLE = 'public, max-age=31536000, immutable'

const random = createRandom(seed)
const site = await startSoakSite(random)
const names = Array.from({ length: NAMES }, (_, index) => `photos/${index}.jpg`)
// Half of the names are on the old web server from the beginning.
const migrating = names.filter((_, index) => index % 2 === 0)
const firstVersions = new Map(migrating.map((name) => [name, versionId(name, 0, 10 + random.below(500))]))
const record = createRecord(new Map(names.map((name) => [name, firstVersions.get(name) ?? null])))
for (const [name, version] of firstVersions)
  site.add(name, bodyOf(version), random.below(2) === 0 ? IMMUTABLE : undefined)
site.setFailing(FAILING)
const flapping = startFlapping(site, random)

console.log(
  `seed ${seed}: ${requests} requests by ${CLIENTS} clients over ${NAMES} names, ${FAILING * 100} % failing`,
)
const started = Date.now()
let sent = 0
let kills = 0
let restarting: Promise<void> = Promise.resolve()
await Promise.all(Array.from({ length: CLIENTS }, client))
await restarting
await flapping.stop()
site.setFailing(0)
const stored = await finalCheck(site, record)
const faulty = site.faulty()
await site.stop()

report(record.counts)
console.log(`faults: ${faulty.primary} requests to the primary, ${faulty.old} to the old web server`)
const { status503, reset, hang } = flapping.outages
console.log(`the primary was down ${status503 + reset + hang} times, ${hang} times it hung`)
console.log(
  `killed ${kills} times; at the end the primary has ${stored.objects} objects and ${stored.tombstones} tombstones`,
)
console.log(
  `${sent} requests in ${Math.round((Date.now() - started) / 1000)} s, ${record.violations.length} violations`,
)
for (const violation of record.violations.slice(0, 50)) console.error(violation)
process.exit(record.violations.length === 0 ? 0 : 1)

async function client(): Promise<void> {
  while (sent < requests) {
    sent += 1
    if (kills < KILLS && sent > ((kills + 1) * requests) / (KILLS + 1)) {
      kills += 1
      console.log(`killing the Worker after ${sent} requests`)
      // The others are in the middle of something, as they should be.
      restarting = site.kill()
    }
    await restarting
    // Some names are requested much more often than others.
    const name = names[Math.floor(NAMES * random.next() ** 2)] ?? ''
    const outcome = await requestOnce({ url: () => site.worker.url, random, record }, name)
    // Failures are fast, and would dominate the measurement.
    if (/^50\d$/.test(outcome)) await sleep(BACKOFF_MS)
  }
}

function report(counts: Counts): void {
  for (const what of Object.keys(counts).toSorted())
    console.log(`${String(counts[what]).padStart(7)} ${what}`)
}
