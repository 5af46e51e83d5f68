import type { UploadedPart } from '../../storage/backend.ts'
import { children, childText, document, parseDocument, type XmlElement } from '../../s3/xml.ts'
import { StorageError } from '../../storage/errors.ts'

/** An S3 error. */
export interface ErrorDocument {
  code: string
  /** Never shown or logged: it can contain signatures. */
  message?: string
  /** Where the bucket is. */
  region?: string
}

interface ListDocument {
  entries: { key: string; size?: number; etag?: string; modified?: Date }[]
  directories: string[]
  truncated: boolean
  nextToken?: string
}

/** The error that a body describes; `undefined` if it describes none. */
export function parseErrorDocument(text: string): ErrorDocument | undefined {
  const root = parseDocument(text)
  if (root?.name !== 'Error') return undefined
  const code = childText(root, 'Code') ?? ''
  const region = childText(root, 'Region')
  const message = childText(root, 'Message')
  return {
    code: /^[\w.-]{1,64}$/.test(code) ? code : 'Unknown',
    ...(message && { message }),
    ...(isRegion(region) && { region }),
  }
}

export function parseListDocument(text: string): ListDocument {
  const root = expectRoot(text, 'ListBucketResult')
  const encoded = childText(root, 'EncodingType') === 'url'
  const decode = (value: string): string => (encoded ? decodeKey(value) : value)
  const nextToken = childText(root, 'NextContinuationToken')
  return {
    entries: children(root, 'Contents').map((entry) => listEntry(entry, decode)),
    directories: children(root, 'CommonPrefixes').map((entry) => decode(requiredText(entry, 'Prefix'))),
    truncated: childText(root, 'IsTruncated') === 'true',
    ...(nextToken && { nextToken }),
  }
}

export function parseUploadId(text: string): string {
  return requiredText(expectRoot(text, 'InitiateMultipartUploadResult'), 'UploadId')
}

/** The quoted ETag of a completed multipart upload; radosgw leaves it empty at first. */
export function parseCompletedETag(text: string): string | undefined {
  const etag = childText(expectRoot(text, 'CompleteMultipartUploadResult'), 'ETag')
  return etag ? quoteETag(etag) : undefined
}

export function completionDocument(parts: readonly UploadedPart[]): string {
  const listed = parts.map(({ number, tag }) => ({ PartNumber: number, ETag: quoteETag(tag) }))
  return document('CompleteMultipartUpload', { Part: listed })
}

export function isRegion(value: string | null | undefined): value is string {
  return typeof value === 'string' && /^[\w-]{1,40}$/.test(value)
}

function listEntry(entry: XmlElement, decode: (value: string) => string): ListDocument['entries'][number] {
  const size = Number(childText(entry, 'Size') ?? Number.NaN)
  const etag = childText(entry, 'ETag')
  const modified = new Date(childText(entry, 'LastModified') ?? Number.NaN)
  return {
    key: decode(requiredText(entry, 'Key')),
    ...(Number.isSafeInteger(size) && { size }),
    ...(etag && { etag: quoteETag(etag) }),
    ...(!Number.isNaN(modified.getTime()) && { modified }),
  }
}

/** With `encoding-type=url`, AWS writes a space as `+`, others as `%20`. A plus sign is always `%2B`. */
function decodeKey(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '))
  } catch (cause) {
    throw malformed('a key that is not valid UTF-8', cause)
  }
}

function quoteETag(etag: string): string {
  return etag.startsWith('"') || etag.startsWith('W/') ? etag : `"${etag}"`
}

function expectRoot(text: string, name: string): XmlElement {
  const root = parseDocument(text)
  if (root?.name !== name) throw malformed(`something else than ${name}`)
  return root
}

function requiredText(element: XmlElement, name: string): string {
  const text = childText(element, name)
  if (!text) throw malformed(`no ${name}`)
  return text
}

function malformed(what: string, cause?: unknown): StorageError {
  return new StorageError('unavailable', `the S3 response contains ${what}`, { cause })
}
