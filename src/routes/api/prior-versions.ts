import type { Context } from 'hono'
import { MAX_VERSIONS, restoreVersion } from '../../prior-versions/restore.ts'
import type { PriorVersions } from '../../prior-versions/versions.ts'
import { StorageError } from '../../storage/errors.ts'
import type { AppEnv, Handlers } from '../context.ts'
import { finish } from '../finish.ts'
import { isoTime } from '../../storage/iso-time.ts'

/** What was replaced or deleted, and how to bring it back. */
export const priorVersionHandlers = {
  async listPriorVersions(c, { name }) {
    const versions = await opened(c).index().versions(name, MAX_VERSIONS)
    return {
      name,
      versions: versions.map(({ time, reason, backend, size, etag, modified }) => ({
        time: isoTime(time),
        reason,
        backend,
        size,
        etag,
        modified_time: isoTime(modified),
      })),
    }
  },
  async restore(c, { name, body }) {
    const time = body.time === undefined ? undefined : Date.parse(body.time)
    const { chain } = c.var.deployment
    const restored = await finish(restoreVersion(opened(c), chain, { name, time }))
    return { name, restored_time: isoTime(restored.time), size: restored.size }
  },
} satisfies Partial<Handlers>

function opened(c: Context<AppEnv>): PriorVersions {
  const { priorVersions } = c.var.deployment
  if (priorVersions) return priorVersions
  throw new StorageError(
    'unsupported',
    'prior versions need the Durable Object JOB_INDEX, which is not bound',
  )
}
