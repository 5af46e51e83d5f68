import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { type Bytes, signHeader } from '../s3-signer.ts'
import type { Site } from './site.ts'

const KEY = { access_key_id: 'loader', secret_access_key: 'loader-secret-0123456789', scopes: ['write'] }
const LIMITED = {
  access_key_id: 'limited',
  secret_access_key: 'limited-secret-0123456789',
  scopes: ['write'],
  prefix: 'gone/',
}
const BUCKET = 'media'
const MIB = 1024 * 1024
const PART_BYTES = 8 * MIB
/** As boto3 sends them. */
const CHUNK_BYTES = MIB
/** Nearly as long as a key may be: most have two bytes. */
const KEY_CHARACTERS = 480
const KEYS = 1000
const DELETED = 20
const MAX_TRIES = 30
const RETRY_MS = 500

/** The variables that turn the S3 API on. */
export const S3_VARS = { S3_BUCKET: BUCKET, S3_KEYS: JSON.stringify([KEY, LIMITED]) }

type Target = Pick<Site, 'url'>

interface Sent {
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: Bytes
  /** Signed in place of the body. */
  hash?: string
  key?: typeof KEY
}

/** As S3 clients do, it tries again when it is told to slow down. */
async function send(
  target: Target,
  method: string,
  path: string,
  sent: Sent = {},
  tries = 1,
): Promise<string> {
  const { url } = target
  const { query = {}, headers = {}, body, hash = 'UNSIGNED-PAYLOAD', key = KEY } = sent
  const signing = {
    endpoint: `${new URL(url).origin}/-/s3`,
    credentials: { accessKeyId: key.access_key_id, secretAccessKey: key.secret_access_key },
  }
  const unsigned = { method, path, query, headers: { 'x-amz-content-sha256': hash, ...headers } }
  const signed = await signHeader(signing, unsigned)
  const { host: _, ...own } = signed.headers
  const answer = await fetch(signed.url, { method, headers: own, ...(body && { body }) })
  const text = await answer.text()
  if (answer.status === 503 && tries < MAX_TRIES) {
    assert.match(text, /<Code>SlowDown<\/Code>/)
    await sleep(RETRY_MS)
    return send(target, method, path, sent, tries + 1)
  }
  assert.equal(answer.status, 200, text)
  return text + (answer.headers.get('ETag') ?? '')
}

/** The parts of one upload, each sent as boto3 does, with a CRC-32 in a trailer, all at once. */
export async function uploadParts(site: Target, count: number): Promise<void> {
  const path = `/${BUCKET}/parts.bin`
  const created = await send(site, 'POST', path, { query: { uploads: '' } })
  const uploadId = /<UploadId>([^<]+)</.exec(created)?.[1] ?? ''
  const bytes = Buffer.alloc(PART_BYTES, 'fallback-storage')
  const body = framed(bytes)
  const headers = {
    'x-amz-decoded-content-length': `${bytes.length}`,
    'x-amz-trailer': 'x-amz-checksum-crc32',
  }
  await Promise.all(
    Array.from({ length: count }, (_, index) =>
      send(site, 'PUT', path, {
        query: { partNumber: `${index + 1}`, uploadId },
        headers,
        body,
        hash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      }),
    ),
  )
}

/** The bytes as boto3 frames them, with a CRC-32 in a trailer. */
export function framed(bytes: Buffer): Bytes {
  const parts: Buffer[] = []
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    const chunk = bytes.subarray(start, start + CHUNK_BYTES)
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
  }
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(bytes))
  parts.push(Buffer.from(`0\r\nx-amz-checksum-crc32:${checksum.toString('base64')}\r\n\r\n`))
  return new Uint8Array(Buffer.concat(parts))
}

/**
 * Requests for as many keys as one may have, with long names, all at once. Most keys are refused, which takes as much memory
 * as deleting them, until the last ones are deleted, and far less time.
 */
export async function deleteMany(site: Target, requests: number): Promise<void> {
  const removals = Array.from({ length: requests }, async (_, request) => {
    const names = Array.from({ length: KEYS }, (_unused, key) =>
      `${key < KEYS - DELETED ? 'kept' : 'gone'}/${request}/${key}`.padEnd(KEY_CHARACTERS, 'ä'),
    )
    const objects = names.map((name) => `<Object><Key>${name}</Key></Object>`)
    const body = new Uint8Array(Buffer.from(`<Delete>${objects.join('')}</Delete>`))
    const digest = createHash('md5').update(body).digest('base64')
    const headers = { 'content-md5': digest }
    const answer = await send(site, 'POST', `/${BUCKET}`, {
      query: { delete: '' },
      headers,
      body,
      key: LIMITED,
    })
    const counts = ['<Deleted>', '<Error>'].map((element) => answer.split(element).length - 1)
    assert.deepEqual(counts, [DELETED, KEYS - DELETED], answer.slice(0, 500))
  })
  await Promise.all(removals)
}
