const encoder = new TextEncoder()

/** Cuts a list into parts of at most so many items and, unless a single item is longer, so many bytes of JSON. */
export function* cut<T>(
  items: readonly T[],
  { maxItems, maxBytes }: { maxItems: number; maxBytes: number },
): Generator<T[]> {
  let part: T[] = []
  let bytes = 0
  for (const item of items) {
    const length = encoder.encode(JSON.stringify(item)).length + 1
    if (part.length === maxItems || (part.length > 0 && bytes + length > maxBytes)) {
      yield part
      part = []
      bytes = 0
    }
    part.push(item)
    bytes += length
  }
  if (part.length > 0) yield part
}
