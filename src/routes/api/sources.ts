import type { Context } from 'hono'
import { describeError, log } from '../../observe/log.ts'
import type { SourceJson } from '../../schemas/answers.ts'
import type { Version } from '../../sources/conflicts.ts'
import { openConflicts } from '../../sources/open-conflicts.ts'
import { ForgedError } from '../../sources/sns.ts'
import { NO_EVENTS, type SourceStatus } from '../../sources/source-changes.ts'
import { NotQueuedError } from '../../sources/sources.ts'
import { StorageError } from '../../storage/errors.ts'
import { answerOf } from '../answer-of.ts'
import { type AppEnv, type Handlers, ProblemError } from '../context.ts'
import { isoTime } from '../../storage/iso-time.ts'

const RETRY_AFTER_SECONDS = '10'

/** What sources say of their changes, and what comes of it. */
export const sourceHandlers = {
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
    const { all } = c.var.deployment.sources
    const statuses = await answerOf(changesOf(c).statuses(), {
      ...CHANGES,
      title: 'The events cannot be read',
    })
    return { sources: all.map(({ backend: { name } }) => toJson(name, statuses[name] ?? NO_EVENTS)) }
  },
  async listConflicts(c, { query: { limit, cursor } }) {
    const open = openConflicts(changesOf(c), c.var.deployment.copyChain, limit, cursor)
    const page = await answerOf(open, { ...CHANGES, title: 'The conflicts cannot be read' })
    return {
      conflicts: page.conflicts.map(({ at, held, found, ...conflict }) => ({
        ...conflict,
        held: versionJson(held),
        found: versionJson(found),
        seen: isoTime(at),
      })),
      total: page.total,
      cursor: page.cursor === null ? null : String(page.cursor),
    }
  },
  async dismissConflict(c, { name, query: { backend } }) {
    const dismissed = await answerOf(changesOf(c).dismissConflict(backend, name), {
      ...CHANGES,
      title: 'The conflict cannot be dismissed',
    })
    if (dismissed) return c.body(null, 204)
    const detail = `there is no conflict of that name with "${backend}"`
    throw new ProblemError({ status: 404, title: 'No such conflict', detail })
  },
} satisfies Partial<Handlers>

const CHANGES = {
  object: 'SourceChanges',
  entry: ['source events', { operation: 'list' }],
} satisfies Partial<Parameters<typeof answerOf>[1]>

function changesOf(c: Context<AppEnv>) {
  const { changes } = c.var.deployment.sources
  if (changes) return changes()
  throw new StorageError(
    'unsupported',
    'nothing is kept of events and conflicts: bind the Durable Object class SourceChanges as SOURCE_CHANGES in wrangler.toml, with its migration, as in docs/configuration.md',
  )
}

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
  const { lastEvent, lastReceived, lastHandled, waitingSince, lag, counts } = status
  return {
    backend,
    last_event: isoTime(lastEvent),
    last_received: isoTime(lastReceived),
    last_handled: isoTime(lastHandled),
    waiting_since: isoTime(waitingSince),
    lag_seconds: lag && {
      last: lag.last / 1000,
      max: lag.max / 1000,
      p50: lag.p50 / 1000,
      p95: lag.p95 / 1000,
    },
    ...counts,
  }
}

function versionJson({ modified, ...version }: Version) {
  return { ...version, modified_time: isoTime(modified) }
}
