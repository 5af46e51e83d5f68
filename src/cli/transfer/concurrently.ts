/** Runs a task for each item, at most `limit` at a time, and reads no further ahead. The first error ends it. */
export async function concurrently<Item>(
  items: AsyncIterable<Item>,
  limit: number,
  run: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  const errors: unknown[] = []
  try {
    for await (const item of items) {
      if (errors.length > 0) break
      // Caught at once: while the next item is awaited, nothing else would.
      const task = run(item)
        .catch((error: unknown) => void errors.push(error))
        .finally(() => running.delete(task))
      running.add(task)
      if (running.size >= limit) await Promise.race(running)
    }
  } finally {
    await Promise.all(running)
  }
  if (errors.length > 0) throw errors[0]
}
