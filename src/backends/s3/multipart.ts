import type { MultipartUpload, PutOptions } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { sendBody } from './body.ts'
import { isNotImplemented, readDocument, readFailure, toS3Error, type S3Failure } from './errors.ts'
import { headersOf, storedInfo } from './info.ts'
import type { S3Reader } from './read.ts'
import type { S3Client } from './request.ts'
import type { S3Writer } from './write.ts'
import { completionDocument, parseCompletedETag, parseErrorDocument, parseUploadId } from './xml.ts'

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
      await response?.body?.cancel()
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
  if (response.ok) return response.body?.cancel()
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
