/** Workers allows six requests per invocation to wait for response headers; one is left for queues and Durable Objects. */
export const MAX_OPEN_REQUESTS = 5

/** As `Promise.all(items.map(work))`, but works on `limit` items at a time, and begins none after one has failed. */
export async function mapLimited<Item, Result>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<Result>,
  limit = MAX_OPEN_REQUESTS,
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
