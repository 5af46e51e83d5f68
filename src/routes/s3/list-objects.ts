import { refuseOutside } from '../../access/authorize.ts'
import { deriveKey } from '../../access/derive-key.ts'
import type { MergeListOptions } from '../../chain/merge-list.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { document, element, parent } from '../../s3/xml.ts'
import { isListable } from '../../storage/backend.ts'
import { encodeName, isLongerThan, MAX_NAME_BYTES } from '../../storage/name.ts'
import { compareNames } from '../../storage/order.ts'
import { ownerElement, xmlResponse } from './buckets.ts'
import { type Entry, type Page, readPage } from './list-page.ts'
import type { S3Request } from './operations.ts'

const MAX_KEYS = 1000
/** No name begins with it. */
const CURSOR_MARKER = '-/cursor/'

export async function listObjectsV2(request: S3Request): Promise<Response> {
  const { query } = request
  if (query.get('list-type') !== '2') throw invalidArgument('list-type must be 2')
  const token = query.get('continuation-token')
  const after = query.get('start-after')
  const page = await listPage(request, { ...(after && { after }), ...(token && { cursor: token }) })
  const count = page.entries.length + page.directories.length
  return listResponse(
    request,
    page,
    optional('StartAfter', after && encoderFor(request)(after)) +
      optional('ContinuationToken', token) +
      element('KeyCount', count) +
      optional('NextContinuationToken', page.cursor),
  )
}

/** Version 1, whose clients continue after NextMarker, or after the last name that they got. */
export async function listObjects(request: S3Request): Promise<Response> {
  const marker = request.query.get('marker') ?? ''
  const page = await listPage(
    request,
    marker.startsWith(CURSOR_MARKER) ? { cursor: marker.slice(CURSOR_MARKER.length) } : { after: marker },
  )
  const encode = encoderFor(request)
  const next = page.cursor === null ? null : encode(nextMarker(request, page))
  return listResponse(request, page, element('Marker', encode(marker)) + optional('NextMarker', next))
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
  return readPage(chain, { ...from, prefix, limit, cursorKey, ...(delimiter && { delimiter }) })
}

function maxKeys(query: S3Request['query']): number {
  const given = query.get('max-keys') || `${MAX_KEYS}`
  if (!/^\d+$/.test(given)) throw invalidArgument('max-keys must be a whole number, 0 or more')
  return Math.min(Number(given), MAX_KEYS)
}

/** For names in the document. XML cannot represent all of them, so most clients ask for percent-encoding. */
function encoderFor({ query }: S3Request): (name: string) => string {
  const encoding = query.get('encoding-type')
  if (encoding && encoding !== 'url') throw invalidArgument('encoding-type must be "url"')
  return encoding ? encodeName : (name) => name
}

/** `elements` are those of one version only. */
function listResponse(request: S3Request, page: Page, elements: string): Response {
  const { bucket, query, identity } = request
  const encode = encoderFor(request)
  const delimiter = query.get('delimiter')
  const hasOwner = !query.has('list-type') || query.get('fetch-owner') === 'true'
  const owner = hasOwner ? ownerElement(identity) : ''
  const body = document(
    'ListBucketResult',
    element('Name', bucket) +
      element('Prefix', encode(query.get('prefix') ?? '')) +
      optional('Delimiter', delimiter && encode(delimiter)) +
      element('MaxKeys', maxKeys(query)) +
      optional('EncodingType', query.get('encoding-type')) +
      element('IsTruncated', `${page.cursor !== null}`) +
      elements +
      page.entries.map((entry) => contentsElement(entry, encode, owner)).join('') +
      page.directories.map((name) => parent('CommonPrefixes', element('Prefix', encode(name)))).join(''),
  )
  const notListed = page.notListed.join(', ')
  return xmlResponse(
    body,
    notListed === '' ? {} : { headers: { 'x-fallback-storage-not-listed': notListed } },
  )
}

function contentsElement(
  { name, size, modified, tag }: Entry,
  encode: (name: string) => string,
  owner: string,
): string {
  return parent(
    'Contents',
    element('Key', encode(name)),
    // In whole seconds, as in Last-Modified.
    element('LastModified', modified.toISOString().replace(/\d{3}Z$/, '000Z')),
    element('ETag', tag),
    element('Size', size),
    element('StorageClass', 'STANDARD'),
    owner,
  )
}

function optional(name: string, text: string | null | undefined): string {
  return text ? element(name, text) : ''
}

function invalidArgument(message: string): S3ApiError {
  return new S3ApiError('InvalidArgument', message)
}
