import { createHash, randomBytes, randomInt } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { residentBytes } from '../test/kit/worker/process.ts'
import { startSite, type Site } from '../test/kit/worker/site.ts'
import { listen } from '../test/kit/servers/listen.ts'
import { s3Source } from '../test/kit/servers/sources.ts'
import { type Figure, keeps, printFigures } from './figure.ts'

/** `npm run bench:large`: copies a large object through the queue, while one client downloads it slowly and another seeks in it. */
const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '1024' },
    /** The slow client's speed in MiB per second. */
    rate: { type: 'string', default: '1' },
  },
})

const MIB = 1024 * 1024
const SIZE = Number(values.mib) * MIB
const NAME = 'large.bin'
const PATH = `/${NAME}`
const WARM_UP = 'warm-up.bin'
const WARM_UP_SIZE = 20 * MIB
const ETAG = '"large-1"'
/** The object repeats this, each time after a sequence number. */
const PATTERN = randomBytes(MIB)

const origin = createServer(answer)
const originUrl = await listen(origin)
// In its own process, because the local R2 shares the Worker's.
const primary = await s3Source({ name: 'primary', read_only: false })
const old = { type: 'http', name: 'old', url: originUrl }
const site = await startSite({ storages: [primary.table, old], vars: primary.secrets, inspected: true })

// Measured after the Worker has served requests: what it compiles and keeps at first is not a cost of this object.
for (const range of [{}, { Range: 'bytes=0-9' }])
  await (await site.fetch(`/${WARM_UP}`, { headers: range })).arrayBuffer()
await site.copied(WARM_UP, 'copied')
await sleep(1000)
const idle = memory()
let peak = idle
const isolate = await site.watchIsolate()
const idleIsolate = await isolate.now()
const watch = setInterval(() => (peak = Math.max(peak, memory())), 50)
const started = performance.now()
const slow = downloadSlowly(site, Number(values.rate) * MIB)
let copying = true
const seeking = seek(site, () => copying)
await site.copied(NAME, 'copied', 30 * 60_000)
const seconds = (performance.now() - started) / 1000
copying = false
const [seeks, downloaded] = [await seeking, slow.stop()]
clearInterval(watch)
await isolate.stop()
const growth = isolate.peak.heap + isolate.peak.buffers - idleIsolate.heap - idleIsolate.buffers
const response = await site.fetch(PATH)
const hash = createHash('sha256')
for await (const chunk of Readable.fromWeb(response.body as never) as AsyncIterable<Buffer>)
  hash.update(chunk)
const isSame = hash.digest('hex') === expectedDigest()

const figures: Figure[] = [
  { name: 'isolate: heap and buffers above idle', value: growth / MIB, unit: 'MiB', limit: 64 },
  { name: 'process: resident memory above idle', value: (peak - idle) / MIB, unit: 'MiB', limit: 64 },
  { name: 'migrated', value: SIZE / MIB / seconds, unit: 'MiB/s', detail: `${Math.round(seconds)} s` },
  { name: 'slow client had', value: downloaded / MIB, unit: 'MiB' },
  { name: 'seeks answered right', value: seeks, unit: '', atLeast: 1 },
  {
    name: 'same SHA-256, from the primary',
    value: Number(isSame && response.headers.get('Cache-Status')?.includes('hit')),
    unit: '',
    atLeast: 1,
  },
]
printFigures(figures)
await site.close()
await primary.close()
origin.closeAllConnections()
origin.close()
process.exitCode = figures.every((figure) => keeps(figure)) ? 0 : 1

/** In the process that runs the Worker. */
function memory(): number {
  return residentBytes(site.pid) ?? Number.NaN
}

function bytesAt(start: number, end: number): Buffer {
  const block = Math.floor(start / MIB)
  const bytes = Buffer.from(PATTERN)
  bytes.writeUInt32BE(block)
  return bytes.subarray(start - block * MIB, Math.min(MIB, end + 1 - block * MIB))
}

function expectedDigest(): string {
  const whole = createHash('sha256')
  for (let start = 0; start < SIZE; start += MIB) whole.update(bytesAt(start, SIZE - 1))
  return whole.digest('hex')
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const size = request.url === PATH ? SIZE : request.url === `/${WARM_UP}` ? WARM_UP_SIZE : null
  if (size === null) return void response.writeHead(404).end()
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const start = Number(range?.[1] ?? 0)
  const end = range?.[2] ? Math.min(size - 1, Number(range[2])) : size - 1
  response.writeHead(range ? 206 : 200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': end + 1 - start,
    ETag: ETAG,
    ...(range && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
  })
  if (request.method === 'HEAD') return void response.end()
  Readable.from(blocks(start, end))
    .on('error', () => response.destroy())
    .pipe(response)
}

function* blocks(start: number, end: number): Generator<Buffer> {
  for (let at = start; at <= end;) {
    const bytes = bytesAt(at, end)
    yield bytes
    at += bytes.length
  }
}

/** Reads the object from the beginning at that rate until it is stopped; `stop` returns the number of bytes read. */
function downloadSlowly({ open }: Site, bytesPerSecond: number): { stop(): number } {
  let taken = 0
  let stopped = false
  const run = async (): Promise<void> => {
    const client = await open(PATH)
    const begun = Date.now()
    for await (const chunk of client as AsyncIterable<Buffer>) {
      const from = taken
      taken += chunk.length
      if (!chunk.subarray(0, 1).equals(bytesAt(from, from))) throw new Error(`wrong byte at ${from}`)
      await sleep(Math.max(0, begun + (taken / bytesPerSecond) * 1000 - Date.now()))
      if (stopped) return
    }
  }
  void run()
  return {
    stop() {
      stopped = true
      return taken
    },
  }
}

/** Requests random parts of 1 MiB until the copy is done; returns how many were right. */
async function seek({ fetch: request }: Site, isWanted: () => boolean): Promise<number> {
  let right = 0
  while (isWanted()) {
    const start = randomInt(SIZE / MIB) * MIB
    const part = await request(PATH, { headers: { Range: `bytes=${start}-${start + MIB - 1}` } })
    const bytes = Buffer.from(await part.arrayBuffer())
    if (part.status !== 206 || !bytes.equals(bytesAt(start, start + MIB - 1)))
      throw new Error(`wrong part at ${start}`)
    right += 1
    await sleep(250)
  }
  return right
}
