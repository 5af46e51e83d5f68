import { describeError, log } from '../../observe/log.ts'
import { type Handlers, ProblemError } from '../context.ts'

export const mirrorHandlers = {
  async listMirrors(c) {
    const { mirrors } = c.var.deployment
    if (!mirrors || mirrors.backends.length === 0) return { mirrors: [] }
    const names = mirrors.backends.map(({ name }) => name)
    const known = await mirrors
      .log()
      .status(names)
      .catch((error: unknown) => {
        log('error', 'mirror', { outcome: 'unknown', reason: describeError(error) })
        const detail = 'the Durable Object MirrorLog failed; the log has the reason'
        throw new ProblemError({ status: 503, title: 'The state of the mirrors cannot be read', detail })
      })
    const now = Date.now()
    const time = (ms: number): string => new Date(ms).toISOString()
    return {
      mirrors: known.map(({ mirror, pending, failed, oldest, lastResync, skipped, failures }) => ({
        name: mirror,
        pending,
        failed,
        oldest_pending_seconds: oldest === null ? null : Math.max(0, Math.round((now - oldest) / 1000)),
        last_resync: lastResync === null ? null : time(lastResync),
        skipped,
        failures: failures.map(({ since, ...failure }) => ({ ...failure, since: time(since) })),
      })),
    }
  },
} satisfies Partial<Handlers>
