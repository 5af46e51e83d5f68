import { WorkerEntrypoint } from 'cloudflare:workers'
import { createApp } from './app.ts'
import { type Config, ConfigError } from './config/config.ts'
import { readServices } from './config/variables.ts'
import type { Deployment } from './deployment.ts'
import type { MediaEntrypoint } from './edge-cache/workers-cache.ts'
import { isNavigation } from './http/navigation.ts'
import { problemResponse } from './http/problem.ts'
import { rawPath } from './http/raw-path.ts'
import { consumePages } from './jobs/backfill/consumer.ts'
import { Backfill } from './jobs/backfill/job.ts'
import type { PageJob, PageMessage } from './jobs/backfill/job-types.ts'
import { consumeDeadLetters, deadLettersIn, isDeadLetters } from './jobs/dead-letters.ts'
import { openJobs } from './jobs/jobs.ts'
import { Verification } from './jobs/verification/job.ts'
import { consumeNames } from './migration/copy-consumer.ts'
import type { CopyMessage } from './migration/copy-later.ts'
import { copyName } from './migration/copy-name.ts'
import { consumeChanges, consumeDeadChanges } from './mirrors/consumer.ts'
import type { MirrorMessage } from './mirrors/messages.ts'
import { log } from './observe/log.ts'
import { problemPage } from './routes/problem-page.ts'
import { runScheduled } from './scheduled.ts'
import type { SourceMessage } from './sources/messages.ts'
import { isSourceEvents } from './sources/sources.ts'
import { passedBy, runInvocation } from './storage/invocation.ts'

/** The handlers of a Worker, and the classes that depend on its configuration. */
export interface WorkerParts {
  fetch(request: Request, env: object, ctx: ExecutionContext): Response | Promise<Response>
  queue(batch: MessageBatch, env: object): Promise<void>
  scheduled(controller: ScheduledController, env: object): Promise<void>
  BackfillJob: new (ctx: DurableObjectState, env: object) => PublicPart<Backfill>
  VerificationJob: new (ctx: DurableObjectState, env: object) => PublicPart<Verification>
  Media: new (ctx: ExecutionContext, env: object) => Rpc.WorkerEntrypointBranded & MediaEntrypoint
}

/** Without what is protected, so that it can be extended by a class with nothing in it. */
type PublicPart<Class> = Pick<Class, keyof Class>

export function workerOver(
  deploymentFor: (env: object) => Deployment,
): WorkerParts & { appFor: (env: object) => BuiltApp } {
  /** Built once per isolate, like its deployment. */
  const apps = new WeakMap<object, BuiltApp>()
  const appFor = (env: object): BuiltApp => {
    const app = apps.get(env) ?? buildApp(() => deploymentFor(env))
    apps.set(env, app)
    return app
  }

  return {
    appFor,
    fetch: (request, env, ctx) => appFor(env).fetch(request, env, ctx),

    /** A wrong configuration throws: the messages are delivered again, and become dead letters in the end. */
    async queue(batch, env) {
      const typed = batch as MessageBatch<QueueMessage>
      if (isDeadLetters(batch.queue)) return consumeDead(typed, env)
      await runInvocation(() => consumeBatch(typed, deploymentFor(env)))
    },

    scheduled: (_, env) => runInvocation(() => runScheduled(deploymentFor(env))),

    BackfillJob: class extends Backfill {
      protected override readonly deployment = () => deploymentFor(this.env)
    },

    VerificationJob: class extends Verification {
      protected override readonly deployment = () => deploymentFor(this.env)
    },

    /**
     * What Workers Cache is in front of (`exports` in wrangler.toml): only this Worker itself reaches it, for whole public
     * objects, when MEDIA_EDGE_CACHE_SECONDS is set.
     */
    Media: class extends WorkerEntrypoint<object> {
      override fetch(request: Request): Promise<Response> {
        const { edgeCaching, id } = deploymentFor(this.env)
        if (!edgeCaching) throw new Error('nothing is cached, so nothing may reach this entrypoint')
        return runInvocation(() => edgeCaching.answer(request), passedBy(request.headers, id))
      }

      /** Only the entrypoint itself can purge what is cached of it. */
      async purge(tags: string[]): Promise<CachePurgeResult> {
        if (!this.ctx.cache) throw new Error('the runtime has no Workers Cache')
        const { success, errors } = await this.ctx.cache.purge({ tags })
        return { success, errors }
      }
    },
  }
}

interface BuiltApp {
  fetch(request: Request, env?: object, ctx?: ExecutionContext): Response | Promise<Response>
  /** Absent if it is wrong. */
  config?: Config
}

function buildApp(configured: () => Deployment): BuiltApp {
  try {
    const deployment = configured()
    return { fetch: createApp(deployment).fetch, config: deployment.config }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    log('error', 'configuration', { detail: error.message })
    const problem = { status: 500, title: 'Configuration Error', detail: error.message }
    const isHealth = ({ url }: Request): boolean => rawPath(url).endsWith('/-/health')
    return {
      fetch(request) {
        if (isHealth(request)) return Response.json({ status: 'ok' })
        const response = problemResponse(problem)
        return isNavigation(request) ? problemPage(response) : response
      },
    }
  }
}

type QueueMessage = CopyMessage | PageMessage | MirrorMessage | SourceMessage

function consumeBatch(batch: MessageBatch<QueueMessage>, deployment: Deployment): Promise<void> {
  return isSourceEvents(batch.queue)
    ? deployment.sources.consumeNotifications(batch.messages)
    : consume(batch, deployment)
}

async function consume(
  { messages }: MessageBatch<QueueMessage>,
  { copyChain, config, migration, mirrors, series, sources }: Deployment,
): Promise<void> {
  const jobs = openJobs(config.services)
  const handle = ({ name }: CopyMessage) => migration.track(name, copyName(copyChain, name))
  const job = (id: string): PageJob => {
    if (jobs) return jobs.backfill(id)
    throw new Error('the Durable Objects of jobs are not bound')
  }
  await Promise.all([
    consumeNames(only(messages, 'copy'), { handle, ...deadLettersIn(jobs) }),
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
async function consumeDead({ messages }: MessageBatch<QueueMessage>, env: object): Promise<void> {
  const services = readServices({ ...env }, [])
  await consumeDeadChanges(only(messages, 'mirror'), services.mirrorLog)
  type Other = Message<Exclude<QueueMessage, MirrorMessage>>
  const others = messages.filter((message): message is Other => message.body.type !== 'mirror')
  await consumeDeadLetters(others, openJobs(services))
}

/** Those of that type. */
function only<Type extends QueueMessage['type']>(messages: readonly Message<QueueMessage>[], type: Type) {
  type Own = Message<Extract<QueueMessage, { type: Type }>>
  return messages.filter((message): message is Own => message.body.type === type)
}
