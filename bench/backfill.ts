import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { timeLister } from './backfill/lister.ts'
import { timeRclone } from './backfill/rclone.ts'
import { startReaders } from './backfill/readers.ts'
import { plan, some, SOURCE_BUCKET, type Source, startSource } from './backfill/source.ts'
import { type Killable, startKillable } from './backfill/worker.ts'
import { type Figure, keeps, printFigures } from './figure.ts'
import { freePorts } from '../test/kit/servers/listen.ts'
import { CREDENTIALS } from '../test/kit/servers/s3.ts'

/** Enough to measure a rate. */
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

/** Copies a bucket into local R2 while it is being read and the Worker is killed, and counts the requests and the time. */
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
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
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
  const restart = async (): Promise<Killable> => {
    const killed = performance.now()
    await worker.kill()
    worker = await start()
    downMs += performance.now() - killed
    return worker
  }
  try {
    const started = performance.now()
    const job = await backfill(worker, { concurrency, total: samples.length, kills, restart })
    const seconds = (performance.now() - started) / 1000
    await stop()
    const counts = { ...source.counts }
    const verification = await verify(worker)
    const names = await timeListing(worker, samples.length)
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

interface Kills {
  concurrency: number
  total: number
  kills: number
  restart: () => Promise<Killable>
}

/** Kills the Worker at regular intervals. */
async function backfill(worker: Killable, { concurrency, total, kills, restart }: Kills): Promise<Job> {
  const { id } = await worker.call<Job>('backfills', { max_concurrency: concurrency })
  let current = worker
  let killed = 0
  const look = async (): Promise<Job> => {
    const job = await current.call<Job>(`backfills/${id}`)
    if (isOpen(job) && killed < kills && settled(job) >= (total * (killed + 1)) / (kills + 1)) {
      killed++
      console.log(`killed at ${settled(job)} of ${total} (${killed} of ${kills})`)
      current = await restart()
    }
    return job
  }
  return ended(look, {
    expected: ['completed', 'completed_with_failures'],
    progress: (job) => job.listed + settled(job),
    interval: BACKFILL_POLL_MS,
  })
}

async function verify(worker: Killable): Promise<Verification> {
  const { id } = await worker.call<{ id: string }>('verifications', {})
  return ended(() => worker.call<Verification>(`verifications/${id}`), {
    expected: ['completed'],
    progress: ({ compared }) => compared,
    interval: 200,
  })
}

/** Names per second of a dry run over names that are on both sides: only the job's lister. */
async function timeListing(worker: Killable, total: number): Promise<number> {
  const started = performance.now()
  const { id } = await worker.call<Job>('backfills', { dry_run: true })
  const { listed } = await ended(() => worker.call<Job>(`backfills/${id}`), {
    expected: ['completed'],
    progress: (job) => job.listed,
    interval: 50,
  })
  if (listed !== total) throw new Error(`the dry run listed ${listed} names instead of ${total}`)
  return total / ((performance.now() - started) / 1000)
}

/** Each poll is a request to the job, which has other work to do. */
const BACKFILL_POLL_MS = 500
/** A job that makes no progress for this long will not end. */
const STALLED_MS = 180_000

interface Polling<Report> {
  /** The states of a successful end. */
  expected: readonly string[]
  progress: (report: Report) => number
  interval: number
}

/** Polls a job until it ends. Fails if it makes no progress, or ends in another state. */
async function ended<Report extends { state: string }>(
  look: () => Promise<Report>,
  { expected, progress, interval }: Polling<Report>,
): Promise<Report> {
  let last = -1
  let moved = Date.now()
  for (;;) {
    const report = await look()
    if (expected.includes(report.state)) return report
    if (!isOpen(report)) throw new Error(`the job ended as ${report.state}: ${JSON.stringify(report)}`)
    if (progress(report) !== last) moved = Date.now()
    if (Date.now() - moved > STALLED_MS)
      throw new Error(`no progress for ${STALLED_MS / 1000} s: ${JSON.stringify(report)}`)
    last = progress(report)
    await sleep(interval)
  }
}

function isOpen({ state }: { state: string }): boolean {
  return state === 'listing' || state === 'running'
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
  let hasFigures = false
  process.once('exit', (code) => {
    if (hasFigures) return
    console.error('bench:backfill ended without figures')
    process.exitCode = code || 1
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      console.error(`ended by ${signal}`)
      process.exit(1)
    })
  const figures = await benchBackfill({
    objects: Number(values.objects),
    large: Number(values.large),
    concurrency: Number(values.concurrency),
    kills: Number(values.kills),
  })
  printFigures(figures)
  hasFigures = true
  if (!figures.every((figure) => keeps(figure))) process.exitCode = 1
}
