import type { PutCondition, PutOptions } from '../../storage/backend.ts'
import type { Digests, ObjectInfo } from '../../storage/object.ts'
import { sendBody } from './body.ts'
import { isNotImplemented, readFailure, toS3Error, toS3WriteError, type S3Failure } from './errors.ts'
import { base64OfHex, headersOf, storedInfo } from './info.ts'
import type { S3Reader } from './read.ts'
import type { S3Client } from './request.ts'

type Body = ReadableStream<Uint8Array> | Uint8Array

export interface S3Writer {
  put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo | null>
  delete(key: string): Promise<void>
  /** Whether the condition holds now, by asking. */
  holds(key: string, onlyIf: PutCondition): Promise<boolean>
}

/** What a write came to: stored, kept back by its condition, or the server takes no conditions. */
type Outcome = ObjectInfo | null | 'not implemented'

export function createS3Writer(client: S3Client, reader: S3Reader): S3Writer {
  /** Some servers answer 501 to a conditional PUT. Kept for the isolate's life. */
  let takesConditions: boolean | undefined

  async function put(key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo | null> {
    const { onlyIf, ...unconditional } = options
    if (onlyIf) {
      await guarded(body, () => learn(key, body, onlyIf))
      if (takesConditions !== false) {
        const outcome = await store(key, body, options)
        takesConditions = outcome !== 'not implemented'
        if (outcome !== 'not implemented') return outcome
      }
      // Not atomic: a write that lands between this question and the PUT is overwritten.
      if (!(await guarded(body, () => holds(key, onlyIf)))) {
        await discard(body)
        return null
      }
    }
    const outcome = await store(key, body, unconditional)
    if (outcome === 'not implemented') throw toS3Error({ status: 501 }, client.name, key)
    return outcome
  }

  /** What has to be known of the server before a conditional write. */
  async function learn(key: string, body: Body, onlyIf: PutCondition): Promise<void> {
    // A stream cannot be sent again after a 501.
    if (!(body instanceof Uint8Array)) takesConditions ??= await probeConditions(key)
    if (onlyIf !== 'absent' && reader.bareETags() === undefined) await reader.head(key)
  }

  function conditionHeaders(onlyIf: PutCondition | undefined): Record<string, string> {
    if (onlyIf === undefined) return {}
    if (onlyIf === 'absent') return { 'If-None-Match': '*' }
    return { 'If-Match': reader.bareETags() ? onlyIf.version.replaceAll('"', '') : onlyIf.version }
  }

  async function store(key: string, body: Body, options: PutOptions): Promise<Outcome> {
    const { info = {}, onlyIf, signal } = options
    const { headers, payload, unchecked } = digestHeaders(options.digests ?? {}, client.signs)
    const { response, failure } = await sendBody(
      client,
      {
        method: 'PUT',
        key,
        headers: { ...headersOf(info), ...headers, ...conditionHeaders(onlyIf) },
        ...(payload !== undefined && { payload }),
        ...(signal && { signal }),
      },
      { body, size: options.size, digests: unchecked },
    )
    if (failure) {
      if (isNotImplemented(failure)) return 'not implemented'
      if (onlyIf && (await keptBack(key, failure, onlyIf))) return null
      throw toS3WriteError(failure, client.name, key)
    }
    await response?.body?.cancel()
    const size = body instanceof Uint8Array ? body.length : options.size
    return storedInfo(client.name, key, { info, size, etag: response?.headers.get('ETag') })
  }

  /** 409 tells of another conditional write at the same moment; whether that one won has to be asked. */
  async function keptBack(key: string, failure: S3Failure, onlyIf: PutCondition): Promise<boolean> {
    if (failure.status === 412 || failure.document?.code === 'NoSuchKey') return true
    return failure.status === 409 && !(await holds(key, onlyIf))
  }

  async function holds(key: string, onlyIf: PutCondition): Promise<boolean> {
    const found = await reader.head(key)
    return onlyIf === 'absent' ? found === null : found?.version === onlyIf.version
  }

  /** A conditional write that stores nothing, its digest being wrong: the answer tells whether conditions are taken. */
  async function probeConditions(key: string): Promise<boolean> {
    const response = await client.send({
      method: 'PUT',
      key,
      headers: { 'If-None-Match': '*', 'Content-MD5': base64OfHex('0'.repeat(32)) },
      body: new Uint8Array(0),
    })
    return !isNotImplemented(await readFailure(response, client.name))
  }

  async function remove(key: string): Promise<void> {
    const response = await client.send({ method: 'DELETE', key })
    if (response.ok) return response.body?.cancel()
    const failure = await readFailure(response, client.name)
    if (failure.document?.code !== 'NoSuchKey') throw toS3WriteError(failure, client.name, key)
  }

  return { put, delete: remove, holds }
}

interface DigestHeaders {
  headers: Record<string, string>
  payload?: string
  unchecked: Digests
}

/** Every server checks an MD5, and a SHA-256 that is part of the signature; what remains is ours to check. */
function digestHeaders({ md5, sha256, ...others }: Digests, signs: boolean): DigestHeaders {
  const headers = {
    ...(md5 !== undefined && { 'Content-MD5': base64OfHex(md5) }),
    ...(sha256 !== undefined && { 'x-amz-checksum-sha256': base64OfHex(sha256) }),
  }
  if (sha256 === undefined) return { headers, unchecked: others }
  return signs
    ? { headers, payload: sha256, unchecked: others }
    : { headers, unchecked: { ...others, sha256 } }
}

/** Whoever was given a body cancels it when nothing becomes of it. */
async function guarded<Result>(body: Body, question: () => Promise<Result>): Promise<Result> {
  try {
    return await question()
  } catch (error) {
    await discard(body)
    throw error
  }
}

async function discard(body: Body): Promise<void> {
  if (!(body instanceof Uint8Array)) await body.cancel()
}
