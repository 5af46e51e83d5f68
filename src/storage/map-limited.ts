/** As `Promise.all(items.map(work))`, but works on `limit` items at a time, and begins none after one has failed. */
export async function mapLimited<Item, Result>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  // All workers take from one generator, which ends for all of them when an error leaves the loop of one.
  const entries = entriesOf(items)
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: limit }, worker))
  return results
}

function* entriesOf<Item>(items: Iterable<Item>): Generator<[number, Item]> {
  yield* [...items].entries()
}
