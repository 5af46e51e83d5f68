import type { ByteRange, RangeRequest } from '../storage/object.ts'

/** The bytes that a range means in an object of that size; `undefined` when it holds none of them. */
export function resolveRange(range: RangeRequest, size: number): ByteRange | undefined {
  if ('suffix' in range) {
    if (range.suffix === 0 || size === 0) return undefined
    return { start: Math.max(0, size - range.suffix), end: size - 1 }
  }
  if (range.offset >= size || range.length === 0) return undefined
  const end = range.length === undefined ? size : Math.min(size, range.offset + range.length)
  return { start: range.offset, end: end - 1 }
}
