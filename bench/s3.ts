import { randomUUID } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { SignatureV4 } from '@smithy/signature-v4'
import { Sha256 } from '../test/kit/sha256.ts'
import { startSite } from '../test/kit/worker/site.ts'
import {
  cpuRatio,
  expectAnswer,
  type Measurement,
  ratio,
  speedRatio,
  takeTurns,
  type Target,
} from './bench.ts'
import type { Figure } from './figure.ts'
import { BENCH_TOKEN, S3_BUCKET, S3_KEY } from './own.ts'

const KIB = 1024
const MIB = 1024 * KIB
const PART_BYTES = 8 * MIB
const PARTS_AT_ONCE = 20
/** As boto3 sends them. */
const CHUNK_BYTES = MIB
/** An isolate has 128 MB (Workers limits). */
const MOST_MB = 100

/** Reads of an object in the primary through the S3 API, beside the same as media. */
export const s3Reads: Measurement = async (bench) => {
  const bytes = 4 * KIB
  await bench.contest.store('hit/s3.jpg', bytes)
  const base = bench.contest.url('own-s3')
  const figures: Figure[] = []
  for (const method of ['GET', 'HEAD']) {
    const signed = await sign(method, `${base}/-/s3/${S3_BUCKET}/hit/s3.jpg`)
    const targets: Target[] = [
      { ...signed, method },
      { url: `${base}/hit/s3.jpg`, method },
    ]
    for (const target of targets)
      await expectAnswer(target, { status: 200, bytes: method === 'GET' ? bytes : 0 })
    const [s3 = [], media = []] = await takeTurns(bench, targets)
    figures.push(
      speedRatio(`${method} through the S3 API, 4 KiB ÷ as media`, s3, media, { atLeast: 0.8 }),
      ...cpuRatio(`processor time of a ${method} through the S3 API ÷ as media`, s3, media),
    )
  }
  return figures
}

/** Uploads as boto3 makes them, with a CRC-32 in a trailer, beside the same bytes as a plain PUT. */
export const s3Uploads: Measurement = async (bench) => {
  const base = bench.contest.url('own-s3')
  const bytes = Buffer.alloc(PART_BYTES, 'fallback-storage')
  const viaS3: number[] = []
  const asMedia: number[] = []
  for (let round = 0; round < bench.rounds * 2; round++) {
    viaS3.push(await throughput(() => putWithTrailer(base, `s3-${randomUUID()}`, bytes)))
    asMedia.push(
      await throughput(() =>
        fetch(`${base}/media-${randomUUID()}`, {
          method: 'PUT',
          body: bytes,
          headers: { Authorization: `Bearer ${BENCH_TOKEN}` },
        }),
      ),
    )
  }
  return [
    {
      ...ratio('upload of 8 MiB with a CRC-32 trailer through the S3 API ÷ plain PUT', viaS3, asMedia),
      detail: `${Math.round(viaS3.toSorted((a, b) => a - b)[bench.rounds] ?? 0)} MiB/s`,
    },
  ]
}

/** The isolate's memory while twenty parts of 8 MiB are uploaded at once. */
export const s3Memory: Measurement = async () => {
  const site = await startSite({
    storages: [{ type: 'r2', binding: 'MEDIA' }],
    vars: { S3_BUCKET, S3_KEYS: JSON.stringify([S3_KEY]) },
    inspected: true,
  })
  try {
    const base = site.url.replace(/\/$/, '')
    const object = `${base}/-/s3/${S3_BUCKET}/parts.bin`
    const { url, headers } = await sign('POST', `${object}?uploads=`)
    const created = await (await fetch(url, { method: 'POST', headers })).text()
    const id = /<UploadId>([^<]+)</.exec(created)?.[1]
    if (id === undefined) throw new Error(`no upload was created: ${created}`)
    const bytes = Buffer.alloc(PART_BYTES, 'fallback-storage')
    const isolate = await site.watchIsolate({ collecting: true })
    try {
      const part = async (_: unknown, index: number): Promise<void> => {
        const query = `?partNumber=${index + 1}&uploadId=${id}`
        const answer = await sendWithTrailer(`${object}${query}`, bytes)
        if (answer.status !== 200) throw new Error(`part ${index + 1}: ${await answer.text()}`)
      }
      await Promise.all(Array.from({ length: PARTS_AT_ONCE }, part))
    } finally {
      await isolate.stop()
    }
    const { heap, buffers } = isolate.peakInUse
    return [
      {
        name: `memory of the isolate while ${PARTS_AT_ONCE} parts of 8 MiB are uploaded through the S3 API`,
        value: (heap + buffers) / 1e6,
        unit: 'MB',
        limit: MOST_MB,
      },
    ]
  } finally {
    await site.close()
  }
}

async function throughput(upload: () => Promise<Response>): Promise<number> {
  const started = performance.now()
  const answer = await upload()
  await answer.arrayBuffer()
  if (!answer.ok) throw new Error(`an upload was answered with ${answer.status}`)
  return PART_BYTES / MIB / ((performance.now() - started) / 1000)
}

function putWithTrailer(base: string, name: string, bytes: Buffer): Promise<Response> {
  return sendWithTrailer(`${base}/-/s3/${S3_BUCKET}/${name}`, bytes)
}

async function sendWithTrailer(target: string, bytes: Buffer): Promise<Response> {
  const { url, headers } = await sign('PUT', target, {
    'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    'x-amz-decoded-content-length': `${bytes.length}`,
    'x-amz-trailer': 'x-amz-checksum-crc32',
  })
  return fetch(url, { method: 'PUT', headers, body: framed(bytes) })
}

function framed(bytes: Buffer): Buffer<ArrayBuffer> {
  const parts: Buffer[] = []
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    const chunk = bytes.subarray(start, start + CHUNK_BYTES)
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
  }
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(bytes))
  parts.push(Buffer.from(`0\r\nx-amz-checksum-crc32:${checksum.toString('base64')}\r\n\r\n`))
  return Buffer.concat(parts)
}

const signer = new SignatureV4({
  service: 's3',
  region: 'auto',
  credentials: { accessKeyId: S3_KEY.access_key_id, secretAccessKey: S3_KEY.secret_access_key },
  sha256: Sha256,
  uriEscapePath: false,
})

/** A request that is valid for 15 minutes. */
async function sign(
  method: string,
  url: string,
  headers: Record<string, string> = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
): Promise<{ url: string; headers: Record<string, string> }> {
  const { protocol, hostname, port, pathname, searchParams } = new URL(url)
  const signed = await signer.sign({
    method,
    protocol,
    hostname,
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: { host: `${hostname}:${port}`, ...headers },
  })
  const { host: _, ...sent } = signed.headers
  return { url, headers: sent }
}
