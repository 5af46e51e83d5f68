import type { Backend, UrlOptions } from '../../storage/backend.ts'
import { failureOfCall, StorageError } from '../../storage/errors.ts'
import { PROBES } from '../../storage/name.ts'
import { listS3 } from './list.ts'
import { createS3Upload, s3Upload } from './multipart.ts'
import { createS3Probe, type OnProbeFailure } from './probe.ts'
import { createS3Reader } from './read.ts'
import { createS3Client, type S3Location } from './request.ts'
import { deleteS3, putS3 } from './write.ts'

export interface S3Options extends S3Location {
  /** Statuses that prove absence. Default: 404 and 410. */
  absentStatuses?: readonly number[]
  /** How long a call may take, in milliseconds: a listing looks for tombstones in half of that. Default: 10 s. */
  timeoutMs?: number
  /** What the key of every object begins with; probes are stored there as well. Default: nothing. */
  prefix?: string
  /** Lets work continue after the end of its request (`waitUntil`). Default: it may be cut off. */
  keepAlive?: (work: Promise<unknown>) => void
  onProbeFailure?: OnProbeFailure
}

export type S3Backend = ReturnType<typeof s3Backend>

/** Most seconds that a presigned URL may be valid. */
const MAX_EXPIRY = 7 * 24 * 60 * 60
const DEFAULT_EXPIRY = 60 * 60
/** R2's limit; that of AWS is 5 MiB higher. */
const MAX_PUT_SIZE = 5 * 1024 ** 3 - 5 * 1024 ** 2

/** A bucket of an S3-compatible service. */
export function s3Backend(name: string, options: S3Options) {
  const { absentStatuses = [404, 410], timeoutMs = 10_000 } = options
  const { prefix = '', keepAlive = () => {}, onProbeFailure: onFailure = () => {} } = options
  const client = createS3Client(name, options)
  const reader = createS3Reader(client, absentStatuses)
  const probe = createS3Probe(client, { folder: prefix + PROBES, keepAlive, onFailure })
  const bucket = { client, reader, probe }
  const failed = (error: unknown) => Promise.reject(failureOfCall(error, name))

  return {
    name,
    type: 's3',
    maxPutSize: MAX_PUT_SIZE,
    listsAfter: true,
    get: reader.get,
    head: reader.head,
    put: (key, body, putOptions = {}) => putS3(bucket, key, { ...putOptions, body }).catch(failed),
    delete: (key, { signal } = {}) => deleteS3(client, key, signal),
    createMultipartUpload: (key, uploadOptions = {}) => createS3Upload(bucket, key, uploadOptions),
    resumeMultipartUpload: (key, id) => s3Upload(bucket, key, id),
    list: (listOptions = {}) => listS3({ client, reader, checkMs: timeoutMs / 2 }, listOptions),
    async url(key, { expiresIn = DEFAULT_EXPIRY }: UrlOptions) {
      if (!Number.isInteger(expiresIn) || expiresIn < 1 || expiresIn > MAX_EXPIRY)
        throw new StorageError('invalid', `a URL is valid for 1 to ${MAX_EXPIRY} seconds`, { backend: name })
      return client.presign(key, expiresIn)
    },
    path: (key) => `s3://${options.bucket}/${key}`,
  } satisfies Backend
}
