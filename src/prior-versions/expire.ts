import { describeError, log } from '../observe/log.ts'
import { isListable, isWritable, type ListableBackend, type WritableBackend } from '../storage/backend.ts'
import { PRIOR_VERSIONS } from '../storage/name.ts'
import { timeOfPriorKey } from '../storage/prior-version.ts'
import { mapLimited } from '../storage/map-limited.ts'
import type { PriorVersions, VersionIndex } from './versions.ts'

const DAY_MS = 24 * 60 * 60_000
/** The most that one run deletes in a backend; the next run goes on. */
const MAX_DELETES = 5000

/** Deletes the prior versions that were replaced more than `days` ago. With 0 `days`, it deletes nothing. */
export async function expireVersions(
  { backends, index }: PriorVersions,
  days: number,
  now = Date.now(),
): Promise<void> {
  if (days === 0) return
  for (const backend of backends) {
    if (!isWritable(backend) || !isListable(backend)) continue
    try {
      const counts = await expireIn(backend, index(), now - days * DAY_MS)
      if (counts.deleted + counts.failed > 0)
        log('info', 'prior versions expired', { backend: backend.name, ...counts })
    } catch (error) {
      log('error', 'prior versions expired', { backend: backend.name, reason: describeError(error) })
    }
  }
}

async function expireIn(
  backend: WritableBackend & ListableBackend,
  index: VersionIndex,
  before: number,
): Promise<{ deleted: number; failed: number; more: boolean }> {
  let [deleted, failed] = [0, 0]
  let cursor: string | undefined
  do {
    const page = await backend.list({ prefix: PRIOR_VERSIONS, cursor })
    const times = page.objects.map(({ name: key }) => ({ key, time: timeOfPriorKey(key) }))
    const expired = times.flatMap(({ key, time }) => (time !== undefined && time < before ? [key] : []))
    const reasons = await mapLimited(expired, (key) => backend.delete(key).then(() => null, describeError))
    const gone = expired.filter((_, position) => reasons[position] === null)
    const reason = reasons.find((one) => one !== null)
    if (reason) log('warn', 'prior version left', { backend: backend.name, reason })
    await index.removeVersions(backend.name, gone)
    deleted += gone.length
    failed += expired.length - gone.length
    // Keys are listed in the order of their times.
    const isDone = times.some(({ time }) => time !== undefined && time >= before)
    cursor = isDone ? undefined : page.cursor
  } while (cursor !== undefined && deleted + failed < MAX_DELETES)
  return { deleted, failed, more: cursor !== undefined }
}
