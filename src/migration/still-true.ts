import { describeError, log } from '../observe/log.ts'
import { mapLimited } from '../storage/map-limited.ts'

/** The entries of a list that are still true; the others are removed. What cannot be looked at stays, and the log has the reason. */
export async function stillTrue<Entry extends { name: string }>(
  entries: readonly Entry[],
  isTrue: (entry: Entry) => Promise<boolean>,
  remove: (entry: Entry) => Promise<unknown>,
): Promise<Entry[]> {
  const stays = await mapLimited(entries, async (entry) => {
    try {
      const isStill = await isTrue(entry)
      if (!isStill) await remove(entry)
      return isStill
    } catch (error) {
      log('warn', 'list', { name: entry.name, reason: describeError(error) })
      return true
    }
  })
  return entries.filter((_, index) => stays[index])
}
