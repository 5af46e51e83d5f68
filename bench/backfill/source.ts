import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { readFileSync } from 'node:fs'
import { AwsV4Signer } from 'aws4fetch'
import { forward } from '../../test/kit/servers/forward.ts'
import { close, listen } from '../../test/kit/servers/listen.ts'
import { CREDENTIALS, S3_PATH, startS3 } from '../../test/kit/servers/s3.ts'

export const SOURCE_BUCKET = 'legacy'
export const RCLONE_BUCKET = 'rclone'

const PUT_COUNTER = '/puts/'
const MIB = 1024 * 1024
/** Few enough that a slow disk responds before fetch stops waiting for headers. */
const SEEDED_AT_ONCE = 100

/** Requests through the proxy in front of the source, and puts reported by the Worker. */
export interface Counts {
  gets: number
  heads: number
  lists: number
  /** Puts into R2 by the backfill. */
  puts: number
  /** Puts into R2 by reads. */
  readPuts: number
}

export interface Source {
  /** The S3 service, behind the counting proxy. */
  endpoint: string
  /** The same without the proxy. */
  directEndpoint: string
  /** The URL to which the Worker reports its puts. */
  putCounter: string
  counts: Counts
  /** Puts an object for each, without the proxy. */
  seed(samples: readonly Sample[]): Promise<void>
  close(): Promise<void>
}

export interface Sample {
  name: string
  size: number
}

/** Wrangler's local S3 endpoint, which checks signatures, behind a proxy that counts requests. */
export async function startSource(persistTo: string): Promise<Source> {
  const script = readFileSync(new URL('./seed-worker.js', import.meta.url), 'utf8')
  const s3 = await startS3([SOURCE_BUCKET, RCLONE_BUCKET], { script, persistTo })
  const counts: Counts = { gets: 0, heads: 0, lists: 0, puts: 0, readPuts: 0 }
  const proxy = createServer((request, response) => {
    if (isPutReport(request)) countPut(counts, request, response)
    else
      passOn(s3.url, counts, request, response).catch((error: unknown) => {
        console.error(error)
        response.destroy()
      })
  })
  const url = await listen(proxy)
  return {
    endpoint: url + S3_PATH,
    directEndpoint: s3.endpoint,
    putCounter: new URL(PUT_COUNTER, url).href,
    counts,
    async seed(samples) {
      for (let begin = 0; begin < samples.length; begin += SEEDED_AT_ONCE) {
        const body = JSON.stringify(samples.slice(begin, begin + SEEDED_AT_ONCE))
        const response = await fetch(s3.url, { method: 'POST', body })
        if (!response.ok) throw new Error(`seeding: ${response.status} ${await response.text()}`)
      }
    },
    async close() {
      await close(proxy)
      await s3.close()
    },
  }
}

function isPutReport({ url = '' }: IncomingMessage): boolean {
  return url.startsWith(PUT_COUNTER)
}

function countPut(counts: Counts, { url = '' }: IncomingMessage, response: ServerResponse): void {
  if (url.endsWith('/read')) counts.readPuts++
  else counts.puts++
  response.end()
}

async function passOn(
  upstream: URL,
  counts: Counts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method, url = '' } = request
  if (method === 'HEAD') counts.heads++
  else if (method === 'GET' && new URL(url, upstream).searchParams.has('list-type')) counts.lists++
  else if (method === 'GET') counts.gets++
  forward(request, response, upstream, { headers: await verifiable(upstream, request) })
}

/** rclone signs its Accept-Encoding, which Miniflare replaces before it checks the signature: so such reads are signed again. */
async function verifiable(address: URL, { method = '', url = '', headers }: IncomingMessage) {
  if (!headers.authorization?.includes('SignedHeaders=accept-encoding')) return headers
  const { range } = headers
  const signer = new AwsV4Signer({
    ...CREDENTIALS,
    method,
    url: new URL(url, address).href,
    service: 's3',
    region: 'auto',
    ...(range !== undefined && { headers: { range } }),
  })
  return Object.fromEntries((await signer.sign()).headers)
}

/** Small objects of some hundred bytes, and large ones, every tenth above 100 MB. */
export function plan(objects: number, large: number): Sample[] {
  const small = Array.from({ length: objects }, (_, index) => {
    const digits = String(index).padStart(7, '0')
    return { name: `photos/${digits.slice(0, 4)}/${digits} ü.jpg`, size: 200 + (index % 1800) }
  })
  const big = Array.from({ length: large }, (_, index) => ({
    name: `video/${Math.floor(index / 5)}/${String(index).padStart(3, '0')}.mp4`,
    size: index % 10 === 0 ? 104 * MIB : 8 * MIB + index,
  }))
  return [...small, ...big]
}

/** Whole folders of them, small and large in proportion; all when there are no more than that. */
export function some(samples: readonly Sample[], objects: number): readonly Sample[] {
  if (samples.length <= objects) return samples
  const share = objects / samples.length
  const folders = Map.groupBy(samples, ({ name }) => name.slice(0, name.lastIndexOf('/')))
  const byKind = Map.groupBy(folders.values(), ([first]) => first?.name.split('/')[0])
  return [...byKind.values()].flatMap((own) => own.slice(0, Math.ceil(own.length * share)).flat())
}

/** The bytes of a sample, always the same for a name. */
export function bytesOf({ name, size }: Sample): Buffer {
  return Buffer.alloc(size, createHash('sha256').update(name).digest())
}
