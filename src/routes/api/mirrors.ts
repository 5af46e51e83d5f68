import { answerOf } from '../answer-of.ts'
import type { Handlers } from '../context.ts'
import { isoTime } from '../../storage/iso-time.ts'

export const mirrorHandlers = {
  async listMirrors(c) {
    const { mirrors } = c.var.deployment
    if (!mirrors || mirrors.backends.length === 0) return { mirrors: [] }
    const names = mirrors.backends.map(({ name }) => name)
    const known = await answerOf(mirrors.log().status(names), {
      object: 'MirrorLog',
      title: 'The state of the mirrors cannot be read',
      entry: ['mirror', { outcome: 'unknown' }],
    })
    const now = Date.now()
    return {
      mirrors: known.map(({ mirror, pending, failed, oldest, lastResync, skipped, failures }) => ({
        name: mirror,
        pending,
        failed,
        oldest_pending_seconds: oldest === null ? null : Math.max(0, Math.round((now - oldest) / 1000)),
        last_resync: isoTime(lastResync),
        skipped,
        failures: failures.map(({ since, ...failure }) => ({ ...failure, since: isoTime(since) })),
      })),
    }
  },
} satisfies Partial<Handlers>
