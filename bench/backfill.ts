import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { timeLister } from './backfill/lister.ts'
import { timeRclone } from './backfill/rclone.ts'
import { startReaders } from './backfill/readers.ts'
import { plan, some, SOURCE_BUCKET, type Source, startSource } from './backfill/source.ts'
import { type Killable, startKillable, TOKEN } from './backfill/worker.ts'
import { type Figure, keeps, printFigures } from './figure.ts'
import { freePorts } from '../test/kit/servers/listen.ts'
import { CREDENTIALS } from '../test/kit/servers/s3.ts'

/** A rate needs no more. */
const RCLONE_OBJECTS = 10_000

interface Options {
  objects: number
  large: number
  concurrency: number
  kills: number
}

interface Job {
  id: string
  state: string
  listed: number
  copied: number
  present: number
  skipped: number
  failed: number
}

interface Verification {
  state: string
  compared: number
  equal: number
  equal_by_size: number
  safe_to_detach: boolean
  reasons: string[]
}

/** Moves a bucket into local R2 while it is read and the Worker is killed, and counts what that took. */
export async function benchBackfill(options: Options): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-backfill-'))
  const source = await startSource(join(folder, 'source'))
  const samples = plan(options.objects, options.large)
  try {
    console.log(`seeding ${samples.length} objects …`)
    await source.seed(samples)
    const moved = await move(source, { ...options, folder, samples })
    console.log('rclone copy, for comparison …')
    const compared = some(samples, RCLONE_OBJECTS)
    const rclone = await timeRclone(source, compared, options.concurrency)
    const detail = `${compared.length} of them`
    return rclone === null
      ? moved
      : [...moved, { name: 'rclone copy', value: rclone, unit: 'objects/s', detail }]
  } finally {
    await source.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function move(
  source: Source,
  { folder, samples, concurrency, kills }: Options & { folder: string; samples: ReturnType<typeof plan> },
): Promise<Figure[]> {
  const vars = {
    FALLBACK_STORAGES: JSON.stringify([
      { type: 'r2', binding: 'MEDIA' },
      { type: 's3', name: 'legacy', endpoint: source.endpoint, bucket: SOURCE_BUCKET, credentials: 'LEGACY' },
    ]),
    FALLBACK_DATA_MIGRATION: 'true',
    PUT_COUNTER: source.putCounter,
    LEGACY_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    LEGACY_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  }
  const [port = 0] = await freePorts(1)
  const start = (): Promise<Killable> => startKillable(join(folder, 'worker'), vars, port)
  let worker = await start()
  const { reads, stop } = startReaders(worker.url, samples, 2)
  let downMs = 0
  const restart = async (): Promise<void> => {
    const killed = performance.now()
    await worker.kill()
    worker = await start()
    downMs += performance.now() - killed
  }
  try {
    const started = performance.now()
    const begun = await call<Job>(worker.url, 'backfills', { max_concurrency: concurrency })
    const job = await untilEnded(worker.url, begun.id, { total: samples.length, kills, restart })
    const seconds = (performance.now() - started) / 1000
    await stop()
    const counts = { ...source.counts }
    const verification = await verify(worker.url)
    const names = await timeListing(worker.url, samples.length)
    report(job, verification, reads)
    console.log('requests', counts)
    const total = samples.length
    const mine = counts.gets - reads.fromSource
    return [
      { name: 'backfill', value: total / seconds, unit: 'objects/s' },
      { name: 'backfill, restarts left out', value: total / (seconds - downMs / 1000), unit: 'objects/s' },
      { name: 'source GETs an object', value: mine / total, unit: '', limit: 1.02 },
      { name: 'R2 puts an object', value: counts.puts / total, unit: '', limit: 1.02 },
      { name: 'source HEADs', value: counts.heads, unit: '', limit: 0 },
      {
        name: 'listing calls to the minimum',
        value: counts.lists / Math.ceil(total / 1000),
        unit: '',
        limit: 1.1,
      },
      {
        name: 'not counted exactly once',
        value: Math.abs(total - job.listed) + Math.abs(total - settled(job)),
        unit: 'objects',
        limit: 0,
      },
      { name: 'not equal', value: total - verification.equal, unit: 'objects', limit: 0 },
      { name: 'lister', value: names, unit: 'names/s' },
      { name: 'lister, backends that answer at once', value: await timeLister(), unit: 'names/s' },
      { name: 'wrong reads', value: reads.wrong.length, unit: `of ${reads.served}`, limit: 0 },
    ]
  } finally {
    await stop()
    await worker.kill()
  }
}

/** Each is a request to the job, which has other work to do. */
const POLL_MS = 500

interface Watch {
  total: number
  kills: number
  restart: () => Promise<void>
}

/** Kills the Worker at equal distances on the way. */
async function untilEnded(url: string, id: string, { total, kills, restart }: Watch): Promise<Job> {
  for (let killed = 0; ;) {
    const job = await call<Job>(url, `backfills/${id}`)
    if (!['listing', 'running'].includes(job.state)) return job
    if (killed < kills && settled(job) >= (total * (killed + 1)) / (kills + 1)) {
      killed++
      console.log(`killed at ${settled(job)} of ${total} (${killed} of ${kills})`)
      await restart()
    }
    await sleep(POLL_MS)
  }
}

async function verify(url: string): Promise<Verification> {
  const { id } = await call<{ id: string }>(url, 'verifications', {})
  for (;;) {
    const verification = await call<Verification>(url, `verifications/${id}`)
    if (verification.state !== 'running') return verification
    await sleep(200)
  }
}

/** Names a second of a dry run over what is on both sides: nothing but the job's lister. */
async function timeListing(url: string, total: number): Promise<number> {
  const started = performance.now()
  const { id } = await call<Job>(url, 'backfills', { dry_run: true })
  for (;;) {
    const { state, listed } = await call<Job>(url, `backfills/${id}`)
    if (state === 'completed' && listed === total) return total / ((performance.now() - started) / 1000)
    if (!['listing', 'running'].includes(state)) throw new Error(`the dry run ended as ${state}`)
    await sleep(50)
  }
}

async function call<T>(url: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${url}-/api/${path}`, {
    headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

function settled({ copied, present, skipped, failed }: Job): number {
  return copied + present + skipped + failed
}

function report(job: Job, verification: Verification, reads: ReturnType<typeof startReaders>['reads']): void {
  console.log('job', job)
  console.log('verification', verification)
  const slow = reads.times.toSorted((a, b) => a - b)[Math.floor(reads.times.length * 0.95)] ?? Number.NaN
  console.log(
    `reads meanwhile: ${reads.served}, ${reads.fromSource} from the source, ${reads.lost} while the Worker was dead, p95 ${Math.round(slow)} ms`,
    reads.wrong.slice(0, 5),
  )
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      objects: { type: 'string', default: '2000' },
      large: { type: 'string', default: '3' },
      concurrency: { type: 'string', default: '4' },
      kills: { type: 'string', default: '3' },
    },
  })
  const figures = await benchBackfill({
    objects: Number(values.objects),
    large: Number(values.large),
    concurrency: Number(values.concurrency),
    kills: Number(values.kills),
  })
  printFigures(figures)
  if (!figures.every((figure) => keeps(figure))) process.exitCode = 1
}
