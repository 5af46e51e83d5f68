interface Named {
  name: string
}

/** What two sides have under a name. */
export interface Pair<Left, Right> {
  name: string
  left?: Left
  right?: Right
}

/** Joins two sequences in UTF-8 byte order by name, of which only one entry each is held at a time. */
export async function* join<Left extends Named, Right extends Named>(
  left: AsyncIterable<Left>,
  right: AsyncIterable<Right>,
): AsyncGenerator<Pair<Left, Right>> {
  const sides = [inOrder(left), inOrder(right)] as const
  try {
    let [a, b] = await Promise.all([sides[0].next(), sides[1].next()])
    for (;;) {
      if (a.done && b.done) return
      const order = a.done ? 1 : b.done ? -1 : compareNames(a.value.name, b.value.name)
      const hit = {
        ...(order <= 0 && !a.done && { left: a.value }),
        ...(order >= 0 && !b.done && { right: b.value }),
      }
      yield { name: (hit.left ?? hit.right)?.name ?? '', ...hit }
      if (order <= 0) a = await sides[0].next()
      if (order >= 0) b = await sides[1].next()
    }
  } finally {
    await Promise.all(sides.map((side) => side.return(undefined)))
  }
}

/** A name that came too late would look as if the other side alone had it. */
async function* inOrder<Entry extends Named>(entries: AsyncIterable<Entry>): AsyncGenerator<Entry> {
  let before: string | undefined
  for await (const entry of entries) {
    if (before !== undefined && compareNames(before, entry.name) >= 0)
      throw new Error(`the listing is not in order: "${entry.name}" follows "${before}"`)
    before = entry.name
    yield entry
  }
}

/** In UTF-8 byte order. */
export function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
