/** Objects that are about equally popular: how many, and each one's share of all reads. */
export interface Group {
  count: number
  share: number
}

/** The most popular ones are groups of their own; others are in groups whose ranks differ by 5 %. */
const EXACT = 100
const WIDTH = 1.05

/** Zipf's law over those objects that are read at all: the share of rank k is proportional to k to the power of -exponent. */
export function zipf(objects: number, exponent: number, unread = 0): Group[] {
  const read = objects - unread
  const groups: Group[] = []
  let sum = 0
  for (let first = 1; first <= read;) {
    const after = Math.min(read + 1, first < EXACT ? first + 1 : Math.ceil(first * WIDTH))
    const count = after - first
    const share = Math.sqrt(first * (after - 1)) ** -exponent
    groups.push({ count, share })
    sum += count * share
    first = after
  }
  const shares = groups.map(({ count, share }) => ({ count, share: share / sum }))
  return [...shares, { count: unread, share: 0 }]
}

/** The sum over all objects. */
export function sumOf(groups: readonly Group[], value: (share: number) => number): number {
  return groups.reduce((sum, { count, share }) => sum + count * value(share), 0)
}

/** The share of reads that a cache answers which keeps each object for `seconds` from its first read, if reads come at random. */
export function cachedShare(groups: readonly Group[], reads: number, seconds: number): number {
  return sumOf(groups, (share) => {
    const again = share * reads * seconds
    return (share * again) / (1 + again)
  })
}
