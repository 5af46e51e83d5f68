import type { Chain } from '../../chain/fallback.ts'
import { accepts, writersFor } from '../../chain/placement.ts'
import { deleteObjectIf } from '../../methods/methods.ts'
import { describeError, log } from '../../observe/log.ts'
import { errorElements, S3ApiError } from '../../s3/errors.ts'
import { announcedDigests, withXmlBody } from '../../s3/payload.ts'
import { childText, children, type Elements, type XmlElement } from '../../s3/xml.ts'
import { type StorageError, toStorageError } from '../../storage/errors.ts'
import { mapLimited } from '../../storage/map-limited.ts'
import { finishAndPurge, purgeNames } from '../edge-cache.ts'
import { finish } from '../finish.ts'
import { xmlResponse } from './buckets.ts'
import { writeCondition } from './object-tag.ts'
import type { S3Request } from './request.ts'
import { checkKey } from './target.ts'

const MAX_KEYS = 1000
/** 1,000 keys of 1,024 bytes, escaped. */
const MAX_BYTES = 2 * 1024 * 1024

/** Conditions that only AWS's directory buckets know. Without them, the key would be deleted although they may not hold. */
const CONDITION_HEADER = 'x-amz-if-match-'
const CONDITION_ELEMENTS = ['LastModifiedTime', 'Size']

export async function deleteObject({ c, request, key }: S3Request): Promise<Response> {
  const { chain } = c.get('deployment')
  if ([...request.headers.keys()].some((name) => name.startsWith(CONDITION_HEADER)))
    throw unsupportedCondition()
  await finishAndPurge(c, [key], remove(chain, key, request.headers))
  return new Response(null, { status: 204 })
}

/** Deletes up to 1,000 keys. Those that cannot be deleted are listed with their errors. */
export async function deleteObjects(s3: S3Request): Promise<Response> {
  const { request, payload } = s3
  // A damaged list would delete other keys.
  if (!request.headers.has('x-amz-trailer') && Object.keys(announcedDigests(request.headers)).length === 0)
    throw new S3ApiError('InvalidRequest', 'Content-MD5 or an x-amz-checksum header is required')
  return finish(
    withXmlBody(request, payload, { maxBytes: MAX_BYTES, use: (root) => removeAll(s3, parseDelete(root)) }),
  )
}

/** The headers of the condition for each key. */
type Keys = ReadonlyMap<string, Headers>

async function removeAll(
  { c, identity }: S3Request,
  { keys, isQuiet }: { keys: Keys; isQuiet: boolean },
): Promise<Response> {
  const { chain } = c.get('deployment')
  const errors = await mapLimited(keys, async ([key, condition]): Promise<Elements | null> => {
    try {
      checkKey(identity, key)
      await remove(chain, key, condition)
      return null
    } catch (error) {
      return { Key: key, ...errorElements(failureOf(error)) }
    }
  })
  const names = [...keys.keys()]
  await purgeNames(c, names)
  const deleted = isQuiet ? [] : names.filter((_, index) => errors[index] === null)
  return xmlResponse('DeleteResult', {
    Deleted: deleted.map((key) => ({ Key: key })),
    Error: errors.filter((error) => error !== null),
  })
}

/** The failure of one key. What is a bug in this software is for the log only. */
function failureOf(error: unknown): StorageError {
  const failure = toStorageError(error, 'chain')
  if (failure.code === 'internal') log('error', 'unexpected', { error: describeError(error) })
  return failure
}

async function remove(chain: Chain, key: string, headers: Headers): Promise<void> {
  await refuseIfServedBehind(chain, key)
  const allows = writeCondition(chain, { method: 'DELETE', headers })
  await (allows ? deleteObjectIf(chain, key, allows) : chain.delete(key))
}

/** Without tombstones, an object of a fallback would be served again, and a client that synchronizes would not understand why. */
async function refuseIfServedBehind(chain: Chain, key: string): Promise<void> {
  if (chain.tombstones || chain.backends.length === 1) return
  const [writer] = writersFor(chain, key)
  for (const backend of chain.backends) {
    if (backend === writer || !accepts(backend, key)) continue
    const held = await backend.head(key, { fresh: true })
    if (held && !held.deleted)
      throw new S3ApiError(
        'MethodNotAllowed',
        `"${backend.name}" has this key too and would serve it again: with FALLBACK_DELETES = "first", it cannot be deleted`,
      )
  }
}

function parseDelete(root: XmlElement): { keys: Keys; isQuiet: boolean } {
  const objects = children(root, 'Object')
  if (root.name !== 'Delete' || objects.length === 0 || objects.length > MAX_KEYS)
    throw new S3ApiError('MalformedXML', `the body must be a <Delete> with 1 to ${MAX_KEYS} <Object>s`)
  const keys = new Map<string, Headers>()
  for (const object of objects) {
    const key = childText(object, 'Key')
    if (!key) throw new S3ApiError('MalformedXML', 'an <Object> has no <Key>')
    const version = childText(object, 'VersionId')
    if (version !== undefined && version !== 'null')
      throw new S3ApiError('NotImplemented', 'there are no versions: leave <VersionId> out')
    if (CONDITION_ELEMENTS.some((name) => childText(object, name) !== undefined)) throw unsupportedCondition()
    const etag = childText(object, 'ETag')
    keys.set(key, new Headers(etag === undefined ? {} : { 'If-Match': etag }))
  }
  return { keys, isQuiet: childText(root, 'Quiet')?.trim().toLowerCase() === 'true' }
}

function unsupportedCondition(): S3ApiError {
  return new S3ApiError('NotImplemented', 'a delete can only depend on the ETag (If-Match)')
}
