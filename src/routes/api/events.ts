import { describeError, log } from '../../observe/log.ts'
import type { SourceJson } from '../../schemas/answers.ts'
import { ForgedError } from '../../sources/sns.ts'
import { NO_EVENTS, type SourceStatus } from '../../sources/source-changes.ts'
import { NotQueuedError } from '../../sources/sources.ts'
import { StorageError } from '../../storage/errors.ts'
import { type Handlers, ProblemError } from '../context.ts'

const RETRY_AFTER_SECONDS = '10'

/** What sources say of their changes. */
export const eventHandlers = {
  async receiveEvents(c, { backend, body: { message } }) {
    const { chain, sources } = c.var.deployment
    const source = sources.all.find((one) => one.backend.name === backend)
    if (source) return sources.receive(source, message).catch(fail)
    const others = sources.all.map((one) => `"${one.backend.name}"`).join(', ')
    const detail = others
      ? `events come from fallbacks, from which objects are copied; send them to one of ${others}`
      : 'events come from fallbacks, from which objects are copied, and there is none'
    if (chain.backends.some(({ name }) => name === backend))
      throw new StorageError('invalid', `"${backend}" is the primary: ${detail}`)
    throw new ProblemError({ status: 404, title: 'No such backend', detail })
  },
  async listEvents(c) {
    const { sources } = c.var.deployment
    if (!sources.changes)
      throw new StorageError(
        'unsupported',
        'nothing is kept of events: bind the Durable Object class SourceChanges as SOURCE_CHANGES in wrangler.toml, with its migration, as in docs/source-changes.md',
      )
    const statuses = await sources
      .changes()
      .statuses()
      .catch((error: unknown) => {
        log('error', 'source events', { operation: 'list', reason: describeError(error) })
        const detail = 'the Durable Object SourceChanges failed; the log has the reason'
        throw new ProblemError({ status: 503, title: 'The events cannot be read', detail })
      })
    return { sources: sources.all.map(({ backend: { name } }) => toJson(name, statuses[name] ?? NO_EVENTS)) }
  },
} satisfies Partial<Handlers>

function fail(error: unknown): never {
  if (error instanceof ForgedError) {
    log('warn', 'sns', { outcome: 'refused', reason: error.message })
    const detail = `the message is not signed by SNS: ${error.message}`
    throw new ProblemError({ status: 403, title: 'Forbidden', detail })
  }
  if (!(error instanceof NotQueuedError)) throw error
  log('error', 'source events', { operation: 'send', reason: describeError(error) })
  const headers = { 'Retry-After': RETRY_AFTER_SECONDS }
  const detail = `${error.message}; repeat the request`
  throw new ProblemError({ status: 503, title: 'The events were not taken', detail, headers })
}

function toJson(backend: string, status: SourceStatus): SourceJson {
  const { lastEvent, lastReceived, lastHandled, lag, counts } = status
  return {
    backend,
    last_event: toTime(lastEvent),
    last_received: toTime(lastReceived),
    last_handled: toTime(lastHandled),
    lag_seconds: lag && {
      last: lag.last / 1000,
      max: lag.max / 1000,
      p50: lag.p50 / 1000,
      p95: lag.p95 / 1000,
    },
    ...counts,
  }
}

function toTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
