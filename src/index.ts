import { WorkerEntrypoint } from 'cloudflare:workers'
import type { Hono } from 'hono'
import { createApp } from './app.ts'
import { passedBy, runInvocation } from './storage/invocation.ts'
import { ConfigError } from './config/config.ts'
import { type Deployment, deploymentFor } from './deployment.ts'
import { problemResponse } from './http/problem.ts'
import { rawPath } from './http/raw-path.ts'
import { log } from './observe/log.ts'
import { consumePages } from './jobs/backfill/consumer.ts'
import { Backfill } from './jobs/backfill/job.ts'
import type { PageJob, PageMessage } from './jobs/backfill/job-types.ts'
import { consumeNames, type DeadLetter } from './migration/copy-consumer.ts'
import type { CopyMessage } from './migration/copy-later.ts'
import { copyName } from './migration/copy-name.ts'
import { consumeChanges, consumeDeadChanges } from './mirrors/consumer.ts'
import type { MirrorMessage } from './mirrors/messages.ts'
import { consumeDeadLetters, isDeadLetters } from './jobs/dead-letters.ts'
import { openJobs } from './jobs/jobs.ts'
import { Verification } from './jobs/verification/job.ts'
import type { AppEnv } from './routes/context.ts'
import { runScheduled } from './scheduled.ts'
import type { SourceMessage } from './sources/messages.ts'
import { isSourceEvents } from './sources/sources.ts'

export { JobIndex } from './jobs/job-index.ts'
export { MirrorLog } from './mirrors/log.ts'
export { TimeSeries } from './observe/time-series.ts'
export { SourceChanges } from './sources/source-changes.ts'
export class BackfillJob extends Backfill {
  protected override readonly deployment = () => deploymentFor(this.env)
}
export class VerificationJob extends Verification {
  protected override readonly deployment = () => deploymentFor(this.env)
}

/**
 * What Workers Cache is in front of (`exports` in wrangler.toml): only this Worker itself reaches it, for whole public
 * objects, when MEDIA_EDGE_CACHE_SECONDS is set.
 */
export class Media extends WorkerEntrypoint<Env> {
  override fetch(request: Request): Promise<Response> {
    const { edgeCaching, id } = deploymentFor(this.env)
    if (!edgeCaching) throw new Error('nothing is cached, so nothing may reach this entrypoint')
    return runInvocation(() => edgeCaching.answer(request), passedBy(request.headers, id))
  }

  /** Only the entrypoint itself can purge what is cached of it. */
  async purge(tags: string[]): Promise<CachePurgeResult> {
    // Outside of a request, a caller cannot see whether the runtime has Workers Cache.
    if (!this.ctx.cache) return { success: true, errors: [] }
    const { success, errors } = await this.ctx.cache.purge({ tags })
    return { success, errors }
  }
}

type App = Pick<Hono<AppEnv>, 'fetch'>

/** Built once per isolate, like its deployment. */
const apps = new WeakMap<Env, App>()

function appFor(env: Env): App {
  const app = apps.get(env) ?? buildApp(env)
  apps.set(env, app)
  return app
}

function buildApp(env: Env): App {
  try {
    return createApp(deploymentFor(env))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    log('error', 'configuration', { detail: error.message })
    const problem = { status: 500, title: 'Configuration Error', detail: error.message }
    const isHealth = ({ url }: Request): boolean => rawPath(url).endsWith('/-/health')
    return {
      fetch: (request) => (isHealth(request) ? Response.json({ status: 'ok' }) : problemResponse(problem)),
    }
  }
}

type QueueMessage = CopyMessage | PageMessage | MirrorMessage | SourceMessage

async function consume(
  { messages }: MessageBatch<QueueMessage>,
  { copyChain, config, migration, mirrors, series, sources }: Deployment,
): Promise<void> {
  const jobs = openJobs(config.services)
  const giveUp = jobs && ((letter: DeadLetter) => jobs.index().addDeadLetter(letter))
  const copy = ({ name }: CopyMessage) => migration.track(name, copyName(copyChain, name))
  const job = (id: string): PageJob => {
    if (jobs) return jobs.backfill(id)
    throw new Error('the Durable Objects of jobs are not bound')
  }
  await Promise.all([
    consumeNames(only(messages, 'copy'), { handle: copy, ...(giveUp && { giveUp }) }),
    consumePages(only(messages, 'page'), {
      chain: copyChain,
      mirrors,
      job,
      onReport: series?.tally.addPage,
    }),
    mirrors && consumeChanges(only(messages, 'mirror'), mirrors),
    sources.consume(only(messages, 'source')),
  ])
  series?.tally.reportSoon()
}

/** It needs no deployment, so that a wrong configuration, which may have stopped the consumer, does not stop it as well. */
async function consumeDead({ messages }: MessageBatch<QueueMessage>, env: Env): Promise<void> {
  const { BACKFILL_JOBS: backfillJobs, VERIFICATION_JOBS: verificationJobs, JOB_INDEX: jobIndex } = env
  await consumeDeadChanges(only(messages, 'mirror'), env.MIRROR_LOG)
  type Other = Message<Exclude<QueueMessage, MirrorMessage>>
  const others = messages.filter((message): message is Other => message.body.type !== 'mirror')
  await consumeDeadLetters(others, openJobs({ backfillJobs, verificationJobs, jobIndex }))
}

/** Those of that type. */
function only<Type extends QueueMessage['type']>(messages: readonly Message<QueueMessage>[], type: Type) {
  type Own = Message<Extract<QueueMessage, { type: Type }>>
  return messages.filter((message): message is Own => message.body.type === type)
}

function consumeBatch(batch: MessageBatch<QueueMessage>, deployment: Deployment): Promise<void> {
  return isSourceEvents(batch.queue)
    ? deployment.sources.consumeNotifications(batch.messages)
    : consume(batch, deployment)
}

export default {
  fetch: (request, env, ctx) => appFor(env).fetch(request, env, ctx),
  // A wrong configuration throws: the messages are delivered again, and become dead letters in the end.
  queue: (batch, env) =>
    isDeadLetters(batch.queue)
      ? consumeDead(batch, env)
      : runInvocation(() => consumeBatch(batch, deploymentFor(env))),
  scheduled: (_, env) => runInvocation(() => runScheduled(deploymentFor(env))),
} satisfies ExportedHandler<Env, QueueMessage>
