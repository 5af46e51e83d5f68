import type { ByteRange, RangeRequest } from '../storage/object.ts'

// RFC 9110 §14.1.1: units are case-insensitive. §5.6.1.2: empty list elements and blanks are to be ignored.
const ONE_RANGE = /^bytes=[\t ,]*(\d*)-(\d*)[\t ,]*$/i
const CONTENT_RANGE = /^bytes (?:(\d+)-(\d+)|\*)\/(?:(\d+)|\*)$/i

/** The single byte range of a Range header; `null` if the header must be ignored. */
export function parseRange(header: string | null): RangeRequest | null {
  const match = header === null ? null : ONE_RANGE.exec(header)
  if (!match) return null
  const [, first = '', last = ''] = match
  if (first === '') return last === '' ? null : { suffix: toSafe(last) }
  if (last === '') return { offset: toSafe(first) }
  if (Number(last) < Number(first)) return null
  const offset = toSafe(first)
  const end = toSafe(last)
  // A last byte beyond the safe integers is beyond every object too.
  return end === Number.MAX_SAFE_INTEGER ? { offset } : { offset, length: end - offset + 1 }
}

/** The first and last byte of a range in an object of `size` bytes. */
export function resolveRange(range: RangeRequest, size: number): ByteRange | 'unsatisfiable' {
  if (size === 0) return 'unsatisfiable'
  if ('suffix' in range) {
    if (range.suffix === 0) return 'unsatisfiable'
    return { start: Math.max(0, size - range.suffix), end: size - 1 }
  }
  if (range.offset >= size || range.length === 0) return 'unsatisfiable'
  const end = range.length === undefined ? size - 1 : Math.min(size, range.offset + range.length) - 1
  return { start: range.offset, end }
}

/** Content-Range of a 206. */
export function contentRange(range: ByteRange, size: number | undefined): string {
  return `bytes ${range.start}-${range.end}/${size ?? '*'}`
}

/** Content-Range of a 416. */
export function unsatisfiedRange(size: number | undefined): string {
  return `bytes */${size ?? '*'}`
}

/** Another server's Content-Range; `null` if it is invalid. That of a 416 has no `range`. */
export function parseContentRange(header: string | null): { range?: ByteRange; size?: number } | null {
  const match = header === null ? null : CONTENT_RANGE.exec(header)
  if (!match) return null
  const [, start, end, size] = match
  if (start !== undefined && (Number(end) < Number(start) || Number(end) >= Number(size ?? Infinity)))
    return null
  return {
    ...(start !== undefined && { range: { start: Number(start), end: Number(end) } }),
    ...(size !== undefined && { size: Number(size) }),
  }
}

function toSafe(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER)
}
