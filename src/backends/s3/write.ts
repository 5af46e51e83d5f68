import { cancelBody } from '../../bodies/cancel.ts'
import type { MultipartUpload, PutCondition, PutOptions } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Digests, ObjectInfo } from '../../storage/object.ts'
import {
  type S3Failure,
  completionDocument,
  isNotImplemented,
  parseCompletedETag,
  parseErrorDocument,
  parseUploadId,
  readDocument,
  readFailure,
  toS3Error,
  toS3WriteError,
} from './answers.ts'
import { headersOf, storedInfo } from './info.ts'
import type { S3Probe, S3Support } from './probe.ts'
import type { S3Reader } from './read.ts'
import { type S3Client, sendBody } from './request.ts'

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
      await cancelBody(body)
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
      if (onlyIf && (await conditionFailed(key, failure, onlyIf))) return null
      throw toS3WriteError(failure, client.name, key)
    }
    await cancelBody(response?.body)
    const size = body instanceof Uint8Array ? body.length : options.size
    return storedInfo(client.name, key, { info, size, etag: response?.headers.get('ETag') })
  }

  /** 409 means another conditional write at the same moment; only a HEAD shows whether that one won. */
  async function conditionFailed(key: string, failure: S3Failure, onlyIf: PutCondition): Promise<boolean> {
    if (failure.status === 412 || failure.document?.code === 'NoSuchKey') return true
    return failure.status === 409 && !(await holds(key, onlyIf))
  }

  async function holds(key: string, onlyIf: PutCondition): Promise<boolean> {
    const found = await reader.head(key)
    return onlyIf === 'absent' ? found === null : found?.version === onlyIf.version
  }

  async function remove(key: string): Promise<void> {
    const response = await client.send({ method: 'DELETE', key })
    if (response.ok) return cancelBody(response.body)
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
      ...(md5 !== undefined && { 'Content-MD5': Uint8Array.fromHex(md5).toBase64() }),
      ...(sha256 !== undefined && { 'x-amz-checksum-sha256': Uint8Array.fromHex(sha256).toBase64() }),
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
    await cancelBody(body)
    throw error
  }
}

interface UploadOptions extends PutOptions {
  reader: S3Reader
  writer: S3Writer
}

export async function createS3Upload(
  client: S3Client,
  key: string,
  { reader, writer, info = {}, onlyIf }: UploadOptions,
): Promise<MultipartUpload> {
  const started = await client.send({ method: 'POST', key, query: { uploads: '' }, headers: headersOf(info) })
  if (!started.ok) throw toS3Error(await readFailure(started, client.name), client.name, key)
  const uploadId = await readDocument(started, client.name, parseUploadId)
  const parts = new Map<number, { etag: string; size: number }>()

  const abort = (): Promise<void> => abortS3Upload(client, key, uploadId)

  return {
    id: uploadId,
    async uploadPart(number, body, size) {
      const query = { partNumber: `${number}`, uploadId }
      const { response, failure } = await sendBody(client, { method: 'PUT', key, query }, { body, size })
      if (failure) throw toS3Error(failure, client.name, key)
      await cancelBody(response?.body)
      const etag = response?.headers.get('ETag')
      if (!etag)
        throw new StorageError('unavailable', 'S3 gave no ETag for a part', {
          backend: client.name,
          name: key,
        })
      parts.set(number, { etag, size })
    },
    async complete() {
      // Some servers ignore conditions here: a write between this check and the completion is lost there. Hence
      // `withStaging`, which leaves only what is too large for one put to this.
      if (onlyIf && !(await writer.holds(key, onlyIf))) {
        await abort()
        return null
      }
      const answer = await completeUpload(client, key, {
        uploadId,
        parts,
        ...(onlyIf && { condition: writer.conditionHeaders(onlyIf) }),
      })
      if (answer === null) {
        await abort()
        return null
      }
      const size = [...parts.values()].reduce((sum, part) => sum + part.size, 0)
      const etag = answer.etag ?? (await reader.head(key))?.version
      return storedInfo(client.name, key, { info, size, etag })
    },
    abort,
  }
}

/** One that is gone already is no failure. */
export async function abortS3Upload(client: S3Client, key: string, uploadId: string): Promise<void> {
  const response = await client.send({ method: 'DELETE', key, query: { uploadId } })
  if (response.ok) return cancelBody(response.body)
  const failure = await readFailure(response, client.name)
  if (failure.document?.code !== 'NoSuchUpload') throw toS3Error(failure, client.name, key)
}

interface Completed {
  etag: string | undefined
}

interface Completion {
  uploadId: string
  parts: ReadonlyMap<number, { etag: string; size: number }>
  /** The headers of the condition. */
  condition?: Record<string, string>
}

/** The new object's ETag where the answer has it, or `null` when the condition does not hold. */
async function completeUpload(
  client: S3Client,
  key: string,
  completion: Completion,
): Promise<Completed | null> {
  const { uploadId, parts, condition } = completion
  const etags = new Map([...parts].map(([number, { etag }]) => [number, etag]))
  const response = await client.send({
    method: 'POST',
    key,
    query: { uploadId },
    headers: { 'Content-Type': 'application/xml', ...condition },
    body: completionDocument(etags),
  })
  const answer = response.ok
    ? await readDocument(response, client.name, readCompletion)
    : await readFailure(response, client.name)
  if (!('status' in answer)) return answer
  if (condition && answer.status === 412) return null
  if (condition && isNotImplemented(answer)) throw takesNoCondition(client.name, key)
  throw toS3Error(answer, client.name, key)
}

/** The status is sent before the parts are joined, so a failure can come in the body of a 200. */
function readCompletion(text: string): Completed | S3Failure {
  const document = parseErrorDocument(text)
  if (!document) return { etag: parseCompletedETag(text) }
  return { status: document.code === 'PreconditionFailed' ? 412 : 200, document }
}

function takesNoCondition(backend: string, name: string): StorageError {
  const why =
    'the server takes no condition when parts are joined, so an object that is too large for one put could replace a newer one: store it without a condition, or on another server'
  return new StorageError('unsupported', why, { backend, name })
}
