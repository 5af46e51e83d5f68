import type { ObjectInfo } from '../../storage/object.ts'

/** Of a set of entries, in whatever order they came: how many, and two sums of their hashes. */
export type Fingerprint = readonly [count: number, low: number, high: number]

export const NOTHING_SEEN: Fingerprint = [0, 0, 0]

/** With one more entry of a listing, its name and what tells its version. */
export function withEntry(
  [count, low, high]: Fingerprint,
  backend: string,
  { name, etag, modified, version, size, deleted }: ObjectInfo,
): Fingerprint {
  const entry = [backend, name, etag, modified?.getTime(), version, size, deleted?.getTime()]
  const [first, second] = hash(JSON.stringify(entry))
  return [count + 1, (low + first) >>> 0, (high + second) >>> 0]
}

export function isSame(a: Fingerprint, b: Fingerprint): boolean {
  return a.every((part, index) => part === b[index])
}

/** 64 bits (cyrb64): far quicker than a digest, which nothing here needs. */
export function hash(text: string): [number, number] {
  let [a, b] = [0xdeadbeef, 0x41c6ce57]
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return [a >>> 0, b >>> 0]
}
