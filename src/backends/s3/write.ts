import { cancelBody, refuseBody } from '../../bodies/cancel.ts'
import { type PutCondition, type PutOptions, conditionHolds } from '../../storage/backend.ts'
import type { Digests, ObjectInfo } from '../../storage/object.ts'
import { type Body, sendBody } from '../send-body.ts'
import { S3Error, isConditionFailed, isLocked, isNotImplemented } from './errors.ts'
import { opaqueETagOf, headersOf, storedInfo } from './info.ts'
import type { S3Probe, S3Support } from './probe.ts'
import type { S3Reader } from './read.ts'
import type { S3Client } from './request.ts'

/** What operations on one bucket share. */
export interface S3Bucket {
  client: S3Client
  reader: S3Reader
  probe: S3Probe
}

export async function putS3(
  bucket: S3Bucket,
  key: string,
  { body, ...options }: PutOptions & { body: Body },
): Promise<ObjectInfo | null> {
  options.timer?.start()
  const plan = await prepare(bucket, key, options).catch((error: unknown) => refuseBody(body, error))
  if (!plan) {
    await cancelBody(body)
    return null
  }
  const { onlyIf, signal } = options
  try {
    return await store(bucket.client, key, { ...options, ...plan, body })
  } catch (error) {
    if (!onlyIf || !plan.condition) throw error
    if (isNotImplemented(error)) {
      bucket.probe.learn({ [supportOf(onlyIf)]: false })
      // A stream cannot be sent again.
      if (body instanceof Uint8Array) return putS3(bucket, key, { ...options, body })
    }
    if (await lostCondition(bucket, key, { onlyIf, signal, error })) return null
    throw error
  }
}

interface Plan {
  checksMd5: boolean
  /** The headers of the condition, unless the server is known to ignore them. */
  condition?: Record<string, string>
}

/** How to put an object, depending on what the server supports; `null` if its condition does not hold. */
async function prepare(
  bucket: S3Bucket,
  key: string,
  { onlyIf, digests, signal }: PutOptions,
): Promise<Plan | null> {
  const support: S3Support = onlyIf || digests?.md5 !== undefined ? await bucket.probe.support() : {}
  const checksMd5 = support.contentMd5 === true
  if (!onlyIf) return { checksMd5 }
  const isHonoured = support[supportOf(onlyIf)]
  // Not atomic if the server ignores the condition: a write between this check and the PUT is overwritten.
  if (isHonoured !== true && !(await holdsNow(bucket, key, { onlyIf, signal }))) return null
  if (onlyIf !== 'absent' && bucket.reader.bareETags() === undefined)
    await bucket.reader.head(key, { signal })
  return { checksMd5, ...(isHonoured !== false && { condition: conditionHeaders(bucket, onlyIf) }) }
}

function supportOf(onlyIf: PutCondition): keyof S3Support {
  return onlyIf === 'absent' ? 'ifNoneMatch' : 'ifMatch'
}

export function conditionHeaders({ reader }: S3Bucket, onlyIf: PutCondition): Record<string, string> {
  if (onlyIf === 'absent') return { 'If-None-Match': '*' }
  return { 'If-Match': reader.bareETags() ? onlyIf.version.replaceAll('"', '') : onlyIf.version }
}

type Condition = Pick<PutOptions, 'signal'> & { onlyIf: PutCondition }

/** Whether the condition holds at this moment, by a HEAD. */
export async function holdsNow(
  { reader }: S3Bucket,
  key: string,
  { onlyIf, signal }: Condition,
): Promise<boolean> {
  return conditionHolds(onlyIf, await reader.head(key, { signal }))
}

/**
 * 409 means that there was another conditional write at the same time; a HEAD shows whether that one was stored. Locks are
 * checked before conditions.
 */
async function lostCondition(
  bucket: S3Bucket,
  key: string,
  { error, ...condition }: Condition & { error: unknown },
): Promise<boolean> {
  if (isConditionFailed(error)) return true
  const isUndecided = isLocked(error) || (error instanceof S3Error && error.status === 409)
  return isUndecided && !(await holdsNow(bucket, key, condition))
}

async function store(
  client: S3Client,
  key: string,
  {
    body,
    size,
    info = {},
    signal,
    timer,
    condition,
    checksMd5,
    digests = {},
  }: PutOptions & Plan & { body: Body },
): Promise<ObjectInfo> {
  const { headers, payload, unchecked } = digestHeaders(digests, { signs: client.signs, checksMd5 })
  const response = await sendBody(body, {
    size,
    digests: unchecked,
    signal,
    timer,
    send: (value) =>
      client.send({
        method: 'PUT',
        key,
        headers: { ...headersOf(info), ...headers, ...condition },
        body: value,
        payload,
        signal,
      }),
  })
  await cancelBody(response.body)
  const stored = body instanceof Uint8Array ? body.length : size
  const etag = response.headers.get('ETag')
  return { ...storedInfo(client.name, key, { info, size: stored, etag }), ...opaqueETagOf(response.headers) }
}

interface DigestHeaders {
  headers: Record<string, string>
  payload: string | undefined
  unchecked: Digests
}

/** Every server checks a SHA-256 that is part of the signature, and most check an MD5. Other digests are checked here. */
function digestHeaders(
  { md5, sha256, ...others }: Digests,
  { signs, checksMd5 }: { signs: boolean; checksMd5: boolean },
): DigestHeaders {
  return {
    headers: {
      ...(md5 !== undefined && { 'Content-MD5': Uint8Array.fromHex(md5).toBase64() }),
      ...(sha256 !== undefined && { 'x-amz-checksum-sha256': Uint8Array.fromHex(sha256).toBase64() }),
    },
    payload: signs ? sha256 : undefined,
    unchecked: {
      ...others,
      ...(md5 !== undefined && !checksMd5 && { md5 }),
      ...(sha256 !== undefined && !signs && { sha256 }),
    },
  }
}

export async function deleteS3(client: S3Client, key: string, signal?: AbortSignal): Promise<void> {
  try {
    const response = await client.send({ method: 'DELETE', key, signal })
    await cancelBody(response.body)
  } catch (error) {
    if (!(error instanceof S3Error) || error.s3Code !== 'NoSuchKey') throw error
  }
}
