import type { UploadedPart } from '../storage/backend.ts'
import { S3ApiError } from './errors.ts'
import { children, childText, type XmlElement } from './xml.ts'

/** The limit of S3 and R2 for one upload. */
const MAX_PARTS = 10_000
/** Of every part but the last. */
const MIN_PART_BYTES = 5 * 1024 * 1024

/** The number of a part in a query or a list of parts. */
export function parsePartNumber(text: string | undefined): number {
  const number = /^\d{1,5}$/.test(text ?? '') ? Number(text) : 0
  if (number < 1 || number > MAX_PARTS)
    throw new S3ApiError('InvalidArgument', `part numbers are 1 to ${MAX_PARTS}`)
  return number
}

/**
 * The ETag of a part as clients receive it. It contains number and size, so that the list of parts is checked without
 * remembering them, and because of its dashes nobody compares it to an MD5.
 */
export function partETag({ tag, number, size }: UploadedPart): string {
  return `"${tag}-${number}-${size}"`
}

/** The list of a CompleteMultipartUpload, in ascending order. */
export function parseParts(root: XmlElement): UploadedPart[] {
  const listed = children(root, 'Part').map((part) => ({
    number: childText(part, 'PartNumber')?.trim(),
    etag: childText(part, 'ETag') ?? '',
  }))
  const isList = root.name === 'CompleteMultipartUpload' && listed.length > 0 && listed.length <= MAX_PARTS
  if (!isList || listed.some(({ number }) => number === undefined))
    throw new S3ApiError('MalformedXML', `the document must be a list of 1 to ${MAX_PARTS} parts`)
  const numbers = listed.map(({ number }) => parsePartNumber(number))
  if (numbers.some((number, index) => number < (numbers[index - 1] ?? 0)))
    throw new S3ApiError('InvalidPartOrder', 'the parts must be listed in ascending order')
  return listed.map(({ etag }, index) => parsePart(numbers[index] ?? 0, etag, numbers[index - 1]))
}

function parsePart(number: number, etag: string, before: number | undefined): UploadedPart {
  if (number === before) throw new S3ApiError('InvalidPart', `part ${number} is listed twice`)
  const [, tag, uploaded, size] = /^\s*"?([^"\s]+)-(\d+)-(\d{1,15})"?\s*$/.exec(etag) ?? []
  if (tag === undefined || Number(uploaded) !== number)
    throw new S3ApiError('InvalidPart', `the ETag of part ${number} is not what its upload answered`)
  return { number, tag, size: Number(size) }
}

/** Throws if the parts cannot be joined. `areEqual`: the backend needs parts of one size. */
export function checkParts(parts: readonly UploadedPart[], { areEqual }: { areEqual: boolean }): void {
  const [first] = parts
  for (const [index, { number, size }] of parts.entries()) {
    const before = parts[index - 1]
    if (!first || !before) continue
    if (before.size < MIN_PART_BYTES)
      throw new S3ApiError(
        'EntityTooSmall',
        `part ${before.number} has ${before.size} bytes; every part but the last needs at least ${MIN_PART_BYTES}`,
      )
    const isLast = index === parts.length - 1
    if (areEqual && (isLast ? size > first.size : size !== first.size))
      throw new S3ApiError(
        'InvalidPart',
        `R2 needs parts of one size, of which only the last may be smaller: part ${first.number} has ${first.size} bytes, and part ${number} has ${size}. Set a fixed part size in the client`,
      )
  }
}
