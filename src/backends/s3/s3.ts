import type { Backend, UrlOptions } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { createS3Reader, listS3 } from './read.ts'
import { abortS3Upload, createS3Upload, createS3Writer } from './write.ts'
import { createS3Probe, type OnProbeFailure } from './probe.ts'
import { createS3Client, type S3Credentials } from './request.ts'

export interface S3Options {
  /** Base URL of the service, without the bucket. */
  endpoint: string
  bucket: string
  /** Default: `auto`. */
  region?: string
  /** Default: `path`. */
  addressing?: 'path' | 'virtual'
  /** Left out: requests go unsigned. */
  credentials?: S3Credentials
  /** Statuses that prove absence. Default: 404 and 410. */
  absentStatuses?: readonly number[]
  /** Whether a listing marks tombstones, at one HEAD for each empty object. Default: true. */
  tombstones?: boolean
  /** Sent along, so that a request that comes back is recognised. */
  deploymentId?: string
  /** What the keys of the backend's own objects begin with, and no other object's. Default: `-/`. */
  ownPrefix?: string
  /** Keeps work going whose request ends (`waitUntil`). Default: such work may be cut off. */
  keepAlive?: (work: Promise<unknown>) => void
  onProbeFailure?: OnProbeFailure
  fetch?: typeof fetch
}

export type S3Backend = Backend &
  Required<
    Pick<
      Backend,
      | 'put'
      | 'delete'
      | 'createMultipartUpload'
      | 'abortMultipartUpload'
      | 'list'
      | 'listsAfter'
      | 'url'
      | 'path'
      | 'maxPutSize'
    >
  >

/** Most seconds that a presigned URL may be valid. */
const MAX_EXPIRY = 7 * 24 * 60 * 60
const DEFAULT_EXPIRY = 60 * 60
/** R2's limit; that of AWS is 5 MiB above. */
const MAX_PUT_SIZE = 5 * 1024 ** 3 - 5 * 1024 ** 2

/** A bucket of an S3-compatible service. */
export function s3Backend(name: string, options: S3Options): S3Backend {
  const { region = 'auto', addressing = 'path', absentStatuses = [404, 410], tombstones = true } = options
  const { ownPrefix = '-/', keepAlive = () => {}, onProbeFailure: onFailure = () => {} } = options
  const client = createS3Client(name, { ...options, region, addressing })
  const reader = createS3Reader(client, absentStatuses)
  const probe = createS3Probe(client, { ownPrefix, keepAlive, onFailure })
  const writer = createS3Writer(client, reader, probe)

  return {
    name,
    type: 's3',
    maxPutSize: MAX_PUT_SIZE,
    listsAfter: true,
    get: reader.get,
    head: reader.head,
    put: writer.put,
    delete: writer.delete,
    createMultipartUpload: (key, uploadOptions) =>
      createS3Upload(client, key, { reader, writer, ...uploadOptions }),
    abortMultipartUpload: (key, id) => abortS3Upload(client, key, id),
    list: (listOptions = {}) =>
      listS3(client, listOptions, { ownPrefix, reader: tombstones ? reader : undefined }),
    async url(key, { expiresIn = DEFAULT_EXPIRY }: UrlOptions) {
      if (!Number.isInteger(expiresIn) || expiresIn < 1 || expiresIn > MAX_EXPIRY)
        throw new StorageError('invalid', `a URL is valid for 1 to ${MAX_EXPIRY} seconds`, {
          backend: name,
          name: key,
        })
      return client.presign(key, expiresIn)
    },
    path: (key) => `s3://${options.bucket}/${key}`,
  }
}
