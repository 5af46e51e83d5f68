import { refuseOutside } from '../../access/authorize.ts'
import { deriveKey } from '../../access/derive-key.ts'
import type { MergeListOptions } from '../../chain/merge-list.ts'
import { S3ApiError } from '../../s3/errors.ts'
import type { Elements } from '../../s3/xml.ts'
import { isListable } from '../../storage/backend.ts'
import { encodeName, isLongerThan, MAX_NAME_BYTES } from '../../storage/name.ts'
import { compareNames } from '../../storage/order.ts'
import { owner, xmlResponse } from './buckets.ts'
import { type Entry, type Page, readPage } from './list-page.ts'
import type { S3Request } from './request.ts'

const MAX_KEYS = 1000
const MAX_INTEGER = 2 ** 31 - 1
/** No name begins with it. */
const CURSOR_MARKER = '-/cursor/'

export async function listObjectsV2(request: S3Request): Promise<Response> {
  const { query } = request
  if (query.get('list-type') !== '2') throw invalidArgument('list-type must be 2')
  const token = query.get('continuation-token')
  const after = query.get('start-after')
  const page = await listPage(request, { after: after || undefined, cursor: token || undefined })
  const count = page.entries.length + page.directories.length
  return listResponse(request, page, {
    StartAfter: after ? encoderFor(request)(after) : undefined,
    ContinuationToken: token || undefined,
    KeyCount: count,
    NextContinuationToken: page.cursor ?? undefined,
  })
}

/** Version 1, whose clients continue after NextMarker, or after the last name that they got. */
export async function listObjects(request: S3Request): Promise<Response> {
  const marker = request.query.get('marker') ?? ''
  const page = await listPage(
    request,
    marker.startsWith(CURSOR_MARKER) ? { cursor: marker.slice(CURSOR_MARKER.length) } : { after: marker },
  )
  const encode = encoderFor(request)
  const next = page.cursor === null ? undefined : encode(nextMarker(request, page))
  return listResponse(request, page, { Marker: encode(marker), NextMarker: next })
}

/** The last name, unless a backend would have to be listed from its start to continue after it. */
function nextMarker({ c }: S3Request, { entries, directories, cursor }: Page): string {
  const { backends } = c.get('deployment').chain
  const [last] = [entries.at(-1)?.name, directories.at(-1)]
    .filter((name) => name !== undefined)
    .toSorted((a, b) => compareNames(b, a))
  const suffices = backends.filter(isListable).every(({ listsAfter }) => listsAfter)
  return suffices && last !== undefined ? last : `${CURSOR_MARKER}${cursor}`
}

async function listPage(
  { c, identity, query }: S3Request,
  from: Pick<MergeListOptions, 'after' | 'cursor'>,
): Promise<Page> {
  const { chain, config } = c.get('deployment')
  const prefix = query.get('prefix') ?? ''
  const outside = refuseOutside(identity, { prefix })
  if (outside) throw new S3ApiError('AccessDenied', outside.detail)
  for (const text of [prefix, from.after ?? ''])
    if (isLongerThan(MAX_NAME_BYTES, text))
      throw new S3ApiError('KeyTooLongError', `keys have ${MAX_NAME_BYTES} bytes at most`)
  const limit = maxKeys(query)
  if (limit === 0) return { entries: [], directories: [], cursor: null, notListed: [] }
  const delimiter = query.get('delimiter')
  const secrets = config.s3Keys.map(({ secret }) => secret)
  const cursorKey = await deriveKey(secrets, 's3 list cursor')
  return readPage(chain, { ...from, prefix, limit, cursorKey, delimiter: delimiter || undefined })
}

function maxKeys(query: S3Request['query']): number {
  const given = query.get('max-keys') || `${MAX_KEYS}`
  if (!/^\d+$/.test(given) || Number(given) > MAX_INTEGER)
    throw invalidArgument(`max-keys must be a whole number from 0 to ${MAX_INTEGER}`)
  return Math.min(Number(given), MAX_KEYS)
}

/** For names in the document. XML cannot represent all of them, so most clients ask for percent-encoding. */
function encoderFor({ query }: S3Request): (name: string) => string {
  const encoding = query.get('encoding-type')
  if (encoding && encoding !== 'url') throw invalidArgument('encoding-type must be "url"')
  return encoding ? encodeName : (name) => name
}

/** `elements` are those of one version only. */
function listResponse(request: S3Request, page: Page, elements: Elements): Response {
  const { bucket, query, identity } = request
  const encode = encoderFor(request)
  const delimiter = query.get('delimiter')
  const hasOwner = !query.has('list-type') || query.get('fetch-owner') === 'true'
  const contentOf = ({ name, size, modified, etag }: Entry): Elements => ({
    Key: encode(name),
    // In whole seconds, as in Last-Modified.
    LastModified: modified.toISOString().replace(/\d{3}Z$/, '000Z'),
    ETag: etag,
    Size: size,
    StorageClass: 'STANDARD',
    Owner: hasOwner ? owner(identity) : undefined,
  })
  const result = {
    Name: bucket,
    Prefix: encode(query.get('prefix') ?? ''),
    Delimiter: delimiter ? encode(delimiter) : undefined,
    MaxKeys: maxKeys(query),
    EncodingType: query.get('encoding-type') || undefined,
    IsTruncated: page.cursor !== null,
    ...elements,
    Contents: page.entries.map(contentOf),
    CommonPrefixes: page.directories.map((name) => ({ Prefix: encode(name) })),
  }
  const notListed = page.notListed.join(', ')
  return xmlResponse(
    'ListBucketResult',
    result,
    notListed === '' ? {} : { 'x-fallback-storage-not-listed': notListed },
  )
}

function invalidArgument(message: string): S3ApiError {
  return new S3ApiError('InvalidArgument', message)
}
