/** Work on many names, some at a time, of which some may fail. */

interface Outcome<Result> {
  done: { name: string; result: Result }[]
  failed: { name: string; error: unknown }[]
}

interface Options {
  concurrency?: number
  signal?: AbortSignal
  onProgress?: (finished: number) => void
}

/** Runs the work for each name. Once the signal is aborted no further one begins. */
export async function forEachName<Result>(
  names: readonly string[],
  work: (name: string) => Promise<Result>,
  { concurrency = 4, signal, onProgress }: Options = {},
): Promise<Outcome<Result>> {
  const outcome: Outcome<Result> = { done: [], failed: [] }
  const waiting = names.values()
  const runOne = async (): Promise<void> => {
    for (const name of waiting) {
      if (signal?.aborted) return
      try {
        outcome.done.push({ name, result: await work(name) })
      } catch (error) {
        outcome.failed.push({ name, error })
      }
      onProgress?.(outcome.done.length + outcome.failed.length)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, runOne))
  return outcome
}

export function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}
