import { cancelBody } from '../../bodies/cancel.ts'
import { type MultipartUpload, type PutOptions, sizeOfParts } from '../../storage/backend.ts'
import { failureOfCall, StorageError } from '../../storage/errors.ts'
import { sendBody } from '../send-body.ts'
import { S3Error, isNoSuchUpload, isNotImplemented, readDocument } from './errors.ts'
import { headersOf, storedInfo } from './info.ts'
import type { S3Client } from './request.ts'
import { type S3Bucket, conditionHeaders, holdsNow } from './write.ts'
import { completionDocument, parseCompletedETag, parseErrorDocument, parseUploadId } from './xml.ts'

export async function createS3Upload(
  bucket: S3Bucket,
  key: string,
  { info = {} }: PutOptions,
): Promise<MultipartUpload> {
  const { client } = bucket
  // Not aborted: the id of an upload that was begun must not be lost.
  const started = await client.send({ method: 'POST', key, query: { uploads: '' }, headers: headersOf(info) })
  return s3Upload(bucket, key, await readDocument(started, client.name, parseUploadId))
}

export function s3Upload(bucket: S3Bucket, key: string, id: string): MultipartUpload {
  const { client, reader } = bucket
  const { name: backend } = client

  /** Succeeds if the upload is already gone. */
  const abort: MultipartUpload['abort'] = async ({ signal } = {}) => {
    try {
      const response = await client.send({ method: 'DELETE', key, query: { uploadId: id }, signal })
      await cancelBody(response.body)
    } catch (error) {
      if (!isNoSuchUpload(error)) throw error
    }
  }

  return {
    id,
    async uploadPart(number, body, size, digests, sending = {}) {
      const query = { partNumber: `${number}`, uploadId: id }
      const response = await sendBody(body, {
        size,
        digests,
        ...sending,
        send: (value) => client.send({ method: 'PUT', key, query, body: value, signal: sending.signal }),
      }).catch((error: unknown) => {
        throw failureOfCall(error, backend)
      })
      await cancelBody(response.body)
      const etag = response.headers.get('ETag')
      if (!etag) throw new StorageError('unavailable', 'S3 gave no ETag for a part', { backend })
      return { number, tag: etag.replaceAll('"', ''), size }
    },
    async complete(parts, { info = {}, onlyIf, signal } = {}) {
      // Some servers ignore conditions here, and then a write between this check and the completion is lost. That is why
      // `withStaging` only uses this for objects that are too large for one put, and for uploads across requests.
      const etag =
        onlyIf && !(await holdsNow(bucket, key, { onlyIf, signal }))
          ? null
          : await completeUpload(client, key, {
              query: { uploadId: id },
              document: completionDocument(parts),
              condition: onlyIf && conditionHeaders(bucket, onlyIf),
              signal,
            })
      if (etag === null) {
        await abort({ signal })
        return null
      }
      const size = sizeOfParts(parts)
      return storedInfo(backend, key, {
        info,
        size,
        etag: etag || (await reader.head(key, { signal }))?.version,
      })
    },
    abort,
  }
}

interface Completion {
  query: { uploadId: string }
  document: string
  /** The headers of the condition. */
  condition: Record<string, string> | undefined
  signal: AbortSignal | undefined
}

/** The new object's ETag, empty if the answer has none, or `null` if the condition does not hold. */
async function completeUpload(
  client: S3Client,
  key: string,
  { query, document, condition, signal }: Completion,
): Promise<string | null> {
  const headers = { 'Content-Type': 'application/xml', ...condition }
  try {
    const response = await client.send({ method: 'POST', key, query, headers, body: document, signal })
    return await readDocument(response, client.name, (text) => readCompletion(text, client.name))
  } catch (error) {
    if (condition && error instanceof S3Error && error.status === 412) return null
    if (condition && isNotImplemented(error)) throw conditionUnsupported(client.name)
    throw error
  }
}

/** S3 sends the status before it has joined the parts, so the body of a 200 can hold a failure. */
function readCompletion(text: string, backend: string): string {
  const document = parseErrorDocument(text)
  if (!document) return parseCompletedETag(text) ?? ''
  const status = document.code === 'PreconditionFailed' ? 412 : 200
  throw new S3Error(backend, { status, document })
}

function conditionUnsupported(backend: string): StorageError {
  const why =
    'the server does not support conditions for multipart uploads, so an object that is too large for one put could replace a newer one: store it without a condition, or on another server'
  return new StorageError('unsupported', why, { backend })
}
