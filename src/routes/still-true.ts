import { describeError, log } from '../observe/log.ts'
import { mapLimited } from '../storage/map-limited.ts'

/** As many as an invocation may have requests to backends in flight. */
const CONCURRENCY = 5

/** The entries of a list that are still true. Those that cannot be looked at stay, and the log has the reason. */
export async function stillTrue<Entry extends { name: string }>(
  entries: readonly Entry[],
  isTrue: (entry: Entry) => Promise<boolean>,
): Promise<Entry[]> {
  const stays = await mapLimited(entries, CONCURRENCY, (entry) =>
    isTrue(entry).catch((error: unknown) => {
      log('warn', 'list', { name: entry.name, reason: describeError(error) })
      return true
    }),
  )
  return entries.filter((_, index) => stays[index])
}
