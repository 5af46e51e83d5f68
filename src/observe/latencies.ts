/** Upper bounds of the buckets in milliseconds; the last bucket has none. */
const BOUNDS = [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2500, 5000]
export const BUCKETS = BOUNDS.length + 1

export function bucketOf(ms: number): number {
  const bucket = BOUNDS.findIndex((bound) => ms <= bound)
  return bucket < 0 ? BOUNDS.length : bucket
}

/** The quantile `q` (0 to 1) as if the latencies of a bucket were spread evenly; of the last bucket its lower bound. `null` without any. */
export function quantile(buckets: readonly number[], q: number): number | null {
  const total = buckets.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  let left = q * total
  for (const [bucket, count] of buckets.entries()) {
    const low = BOUNDS[bucket - 1] ?? 0
    const high = BOUNDS[bucket] ?? low
    if (count > 0 && left <= count) return Math.round((low + ((high - low) * left) / count) * 10) / 10
    left -= count
  }
  return BOUNDS.at(-1) ?? null
}
