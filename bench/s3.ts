import { randomUUID } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import { Sha256 } from '../test/kit/sha256.ts'
import { framed } from '../test/kit/worker/memory-s3.ts'
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
