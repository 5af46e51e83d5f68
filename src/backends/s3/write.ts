import type { PutCondition, PutOptions } from '../../storage/backend.ts'
import type { Digests, ObjectInfo } from '../../storage/object.ts'
import { sendBody } from './body.ts'
import { isNotImplemented, readFailure, toS3Error, toS3WriteError, type S3Failure } from './errors.ts'
import { base64OfHex, headersOf, storedInfo } from './info.ts'
import type { S3Probe, S3Support } from './probe.ts'
import type { S3Reader } from './read.ts'
import type { S3Client } from './request.ts'

type Body = ReadableStream<Uint8Array> | Uint8Array

export interface S3Writer {
  put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo | null>
  delete(key: string): Promise<void>
  conditionHeaders(onlyIf: PutCondition): Record<string, string>
  /** Whether the condition holds now, by a HEAD. */
  holds(key: string, onlyIf: PutCondition): Promise<boolean>
}

/** Stored, held back by its condition, or the server takes no conditions. */
type Outcome = ObjectInfo | null | 'not implemented'

export function createS3Writer(client: S3Client, reader: S3Reader, probe: S3Probe): S3Writer {
  async function put(key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo | null> {
    const { onlyIf, ...unconditional } = options
    const support = await guarded(body, () => learn(key, options))
    const checksMd5 = support?.contentMd5 === 'heeded'
    const condition = onlyIf && support?.[onlyIf === 'absent' ? 'ifNoneMatch' : 'ifMatch']
    // Not atomic where the server does not heed the condition: a write that lands between this check and the PUT is overwritten.
    if (onlyIf && condition !== 'heeded' && !(await guarded(body, () => holds(key, onlyIf)))) {
      await discard(body)
      return null
    }
    const isSent = condition === 'heeded' || condition === 'unknown'
    const outcome = await store(key, body, { ...(isSent ? options : unconditional), checksMd5 })
    if (outcome !== 'not implemented') return outcome
    if (condition === 'unknown') {
      probe.learn(onlyIf === 'absent' ? { ifNoneMatch: 'refused' } : { ifMatch: 'refused' })
      // A stream cannot be sent again.
      if (body instanceof Uint8Array) return put(key, body, options)
    }
    throw toS3Error({ status: 501 }, client.name, key)
  }

  /** What has to be known about the server before a write with a condition or an MD5. */
  async function learn(key: string, { onlyIf, digests }: PutOptions): Promise<S3Support | undefined> {
    const support = onlyIf || digests?.md5 !== undefined ? await probe.support() : undefined
    if (onlyIf && onlyIf !== 'absent' && reader.bareETags() === undefined) await reader.head(key)
    return support
  }

  function conditionHeaders(onlyIf: PutCondition | undefined): Record<string, string> {
    if (onlyIf === undefined) return {}
    if (onlyIf === 'absent') return { 'If-None-Match': '*' }
    return { 'If-Match': reader.bareETags() ? onlyIf.version.replaceAll('"', '') : onlyIf.version }
  }

  async function store(
    key: string,
    body: Body,
    options: PutOptions & { checksMd5: boolean },
  ): Promise<Outcome> {
    const { info = {}, onlyIf, signal, checksMd5 } = options
    const { headers, payload, unchecked } = digestHeaders(options.digests ?? {}, {
      signs: client.signs,
      checksMd5,
    })
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

  /** 409 means another conditional write at the same moment; only a HEAD shows whether that one won. */
  async function keptBack(key: string, failure: S3Failure, onlyIf: PutCondition): Promise<boolean> {
    if (failure.status === 412 || failure.document?.code === 'NoSuchKey') return true
    return failure.status === 409 && !(await holds(key, onlyIf))
  }

  async function holds(key: string, onlyIf: PutCondition): Promise<boolean> {
    const found = await reader.head(key)
    return onlyIf === 'absent' ? found === null : found?.version === onlyIf.version
  }

  async function remove(key: string): Promise<void> {
    const response = await client.send({ method: 'DELETE', key })
    if (response.ok) return response.body?.cancel()
    const failure = await readFailure(response, client.name)
    if (failure.document?.code !== 'NoSuchKey') throw toS3WriteError(failure, client.name, key)
  }

  return { put, delete: remove, conditionHeaders, holds }
}

interface DigestHeaders {
  headers: Record<string, string>
  payload?: string
  unchecked: Digests
}

/** A SHA-256 that is part of the signature is checked by every server, an MD5 by most; what remains is ours to check. */
function digestHeaders(
  { md5, sha256, ...others }: Digests,
  { signs, checksMd5 }: { signs: boolean; checksMd5: boolean },
): DigestHeaders {
  return {
    headers: {
      ...(md5 !== undefined && { 'Content-MD5': base64OfHex(md5) }),
      ...(sha256 !== undefined && { 'x-amz-checksum-sha256': base64OfHex(sha256) }),
    },
    ...(sha256 !== undefined && signs && { payload: sha256 }),
    unchecked: {
      ...others,
      ...(md5 !== undefined && !checksMd5 && { md5 }),
      ...(sha256 !== undefined && !signs && { sha256 }),
    },
  }
}

/** A body that is not sent is cancelled. */
async function guarded<Result>(body: Body, check: () => Promise<Result>): Promise<Result> {
  try {
    return await check()
  } catch (error) {
    await discard(body)
    throw error
  }
}

async function discard(body: Body): Promise<void> {
  if (!(body instanceof Uint8Array)) await body.cancel()
}
