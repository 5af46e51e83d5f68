import { createHash } from 'node:crypto'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { readFileSync } from 'node:fs'
import { AwsV4Signer } from 'aws4fetch'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'

export const CREDENTIALS = { accessKeyId: 'BENCHKEY', secretAccessKey: 'bench-secret/with+signs' }
export const SOURCE_BUCKET = 'legacy'
export const RCLONE_BUCKET = 'rclone'

const PUT_COUNTER = '/puts/'
const MIB = 1024 * 1024
const SEEDED_AT_ONCE = 500

/** What came through the proxy in front of the source, and the puts that the Worker reported. */
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
  /** Of the S3 service, behind the counting proxy. */
  endpoint: string
  /** The same, past the proxy. */
  directEndpoint: string
  /** Where the Worker reports its puts. */
  putCounter: string
  counts: Counts
  /** Puts an object for each, past the proxy. */
  seed(samples: readonly Sample[]): Promise<void>
  close(): Promise<void>
}

export interface Sample {
  name: string
  size: number
}

/** Wrangler's local S3 endpoint, which checks signatures, behind a proxy that counts requests. */
export async function startSource(persistTo: string): Promise<Source> {
  const buckets = [SOURCE_BUCKET, RCLONE_BUCKET]
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      compatibilityDate: '2026-10-01',
      modules: true,
      script: readFileSync(new URL('./seed-worker.js', import.meta.url), 'utf8'),
      resourcePersistencePath: persistTo,
      r2Buckets: Object.fromEntries(buckets.map((id) => [id, { id, s3Credentials: CREDENTIALS }])),
    }),
  )
  const address = await miniflare.ready
  const counts: Counts = { gets: 0, heads: 0, lists: 0, puts: 0, readPuts: 0 }
  const proxy = createServer((incoming, outgoing) => {
    if (count(counts, incoming)) outgoing.end()
    else
      forward(address, incoming, outgoing).catch((error: unknown) => {
        console.error(error)
        outgoing.destroy()
      })
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  const path = '/cdn-cgi/local/r2/s3'
  return {
    endpoint: `http://127.0.0.1:${port}${path}`,
    directEndpoint: new URL(path, address).href,
    putCounter: `http://127.0.0.1:${port}${PUT_COUNTER}`,
    counts,
    async seed(samples) {
      for (let begin = 0; begin < samples.length; begin += SEEDED_AT_ONCE) {
        const body = JSON.stringify(samples.slice(begin, begin + SEEDED_AT_ONCE))
        const response = await fetch(address, { method: 'POST', body })
        if (!response.ok) throw new Error(`seeding: ${response.status} ${await response.text()}`)
      }
    },
    async close() {
      proxy.close()
      proxy.closeAllConnections()
      await miniflare.dispose()
    },
  }
}

/** Whether that was all there is to do. */
function count(counts: Counts, { method, url = '' }: IncomingMessage): boolean {
  if (url.startsWith(PUT_COUNTER)) {
    if (url.endsWith('/read')) counts.readPuts++
    else counts.puts++
    return true
  }
  if (method === 'HEAD') counts.heads++
  else if (method === 'GET' && new URL(url, 'http://localhost').searchParams.has('list-type')) counts.lists++
  else if (method === 'GET') counts.gets++
  return false
}

/** Passes everything on as it came, the Host too: the signature covers it. */
async function forward(address: URL, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { hostname, port } = address
  const { method, url } = incoming
  const headers = await verifiable(address, incoming)
  const upstream = request({ hostname, port, method, path: url, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
    answer.on('error', () => outgoing.destroy())
  })
  upstream.on('error', () => outgoing.destroy())
  outgoing.on('close', () => upstream.destroy())
  incoming.pipe(upstream)
}

/** rclone signs its Accept-Encoding, which Miniflare replaces before anybody checks: such reads are signed anew. */
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

/** The bytes of a sample: always the same for a name. */
export function bytesOf({ name, size }: Sample): Buffer {
  return Buffer.alloc(size, createHash('sha256').update(name).digest())
}
