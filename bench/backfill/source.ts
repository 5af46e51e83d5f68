import { createHash } from 'node:crypto'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { AwsClient } from 'aws4fetch'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import pLimit from 'p-limit'

export const CREDENTIALS = { accessKeyId: 'BENCHKEY', secretAccessKey: 'bench-secret/with+signs' }
export const SOURCE_BUCKET = 'legacy'
export const RCLONE_BUCKET = 'rclone'

const MIB = 1024 * 1024
const SEEDERS = 16

/** What came through the proxy in front of the source. */
export interface Counts {
  gets: number
  heads: number
  lists: number
}

export interface Source {
  /** Of the S3 service, behind the counting proxy. */
  endpoint: string
  /** The same, past the proxy. */
  directEndpoint: string
  counts: Counts
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
      script: 'export default { fetch: () => new Response(null, { status: 404 }) }',
      resourcePersistencePath: persistTo,
      r2Buckets: Object.fromEntries(buckets.map((id) => [id, { id, s3Credentials: CREDENTIALS }])),
    }),
  )
  const address = await miniflare.ready
  const counts: Counts = { gets: 0, heads: 0, lists: 0 }
  const proxy = createServer((incoming, outgoing) => {
    count(counts, incoming)
    forward(address, incoming, outgoing)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  const path = '/cdn-cgi/local/r2/s3'
  return {
    endpoint: `http://127.0.0.1:${port}${path}`,
    directEndpoint: new URL(path, address).href,
    counts,
    async close() {
      proxy.close()
      proxy.closeAllConnections()
      await miniflare.dispose()
    },
  }
}

function count(counts: Counts, { method, url = '' }: IncomingMessage): void {
  if (method === 'HEAD') counts.heads++
  if (method !== 'GET') return
  if (new URL(url, 'http://localhost').searchParams.has('list-type')) counts.lists++
  else counts.gets++
}

/** Passes everything on as it came, the Host too: the signature covers it. */
function forward({ hostname, port }: URL, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, url, headers } = incoming
  const upstream = request({ hostname, port, method, path: url, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
    answer.on('error', () => outgoing.destroy())
  })
  upstream.on('error', () => outgoing.destroy())
  outgoing.on('close', () => upstream.destroy())
  incoming.pipe(upstream)
}

/** Small objects of some hundred bytes, and large ones, every tenth above 100 MB. */
export function plan(objects: number, large: number): Sample[] {
  const small = Array.from({ length: objects }, (_, index) => {
    const digits = String(index).padStart(7, '0')
    return { name: `photos/${digits.slice(0, 4)}/${digits} ü.jpg`, size: 200 + (index % 1800) }
  })
  const big = Array.from({ length: large }, (_, index) => ({
    name: `video/${String(index).padStart(3, '0')}.mp4`,
    size: index % 10 === 0 ? 104 * MIB : 8 * MIB + index,
  }))
  return [...small, ...big]
}

/** The bytes of a sample: always the same for a name. */
export function bytesOf({ name, size }: Sample): Buffer {
  return Buffer.alloc(size, createHash('sha256').update(name).digest())
}

/** Fills the source past the proxy. */
export async function seed(source: Source, samples: readonly Sample[]): Promise<void> {
  const client = new AwsClient({ ...CREDENTIALS, service: 's3', region: 'auto', retries: 2 })
  const limit = pLimit(SEEDERS)
  await Promise.all(
    samples.map((sample) =>
      limit(async () => {
        const path = sample.name.split('/').map(encodeURIComponent).join('/')
        const url = `${source.directEndpoint}/${SOURCE_BUCKET}/${path}`
        const headers = { 'content-type': 'image/jpeg', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
        const response = await client.fetch(url, {
          method: 'PUT',
          body: new Uint8Array(bytesOf(sample)),
          headers,
        })
        if (!response.ok)
          throw new Error(`seeding ${sample.name}: ${response.status} ${await response.text()}`)
        await response.arrayBuffer()
      }),
    ),
  )
}
