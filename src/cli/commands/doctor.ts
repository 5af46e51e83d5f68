import type { Command } from 'commander'
import { checkChain } from '../check-config/chain.ts'
import {
  ApiError,
  type Backfill,
  type Backends,
  type Client,
  type Finding,
  type Mirror,
} from '../../client/client.ts'
import { type Check, showChecks } from '../checks.ts'
import { CommandError, describeError, EXIT, isRefusal, networkReason, usageError } from '../errors.ts'
import { createSession, type Io, type Local, type Session, type WithSession, withLocal } from '../session.ts'
import { count, duration } from '../output.ts'
import { isOver } from '../watch-job.ts'
import { backendFix, failureOf } from './backend-fix.ts'

interface DoctorOptions {
  config?: string | true
  env?: string
}

export function addDoctor(program: Command, _: WithSession, io: Io): void {
  program
    .command('doctor')
    .summary('find out what is wrong with a deployment, or with its configuration')
    .description(
      'Checks the Worker, its configuration, the token and every backend, with one harmless request each, and\n' +
        'says how to fix what is wrong. Changes nothing. With --config, checks the configuration file of wrangler\n' +
        'before it is deployed, and needs no Worker. Exit code 1 if any check failed.',
    )
    .option('--config [file]', "check this file instead (default: the folder's wrangler.toml)")
    .option('--env <name>', 'with --config: this environment of the file')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage doctor
  fallback-storage doctor --config --env staging
  fallback-storage doctor --json | jq '.checks[] | select(.status != "ok")'`,
    )
    .action(withLocal(io, doctor))
}

async function doctor({ output, globals, io }: Local, { config, env }: DoctorOptions): Promise<void> {
  if (config === undefined && env !== undefined) throw usageError('--env is for the file of --config')
  const checks =
    config === undefined
      ? examine(createSession(globals, io))
      : checkFile(config === true ? undefined : config, env ?? io.env['CLOUDFLARE_ENV'])
  if (!(await showChecks(checks, output))) throw new CommandError(EXIT.failed)
}

/** Checks a configuration file. Loads wrangler, which takes a moment. */
export async function* checkFile(
  file: string | undefined,
  environment: string | undefined,
): AsyncGenerator<Check> {
  const { checkConfig } = await import('../check-config/check-config.ts')
  yield* checkConfig({ file, environment })
}

type Deployment = Pick<Session, 'client' | 'url' | 'hasToken'>

/** Checks everything that a deployment needs, with one harmless request each. */
export async function* examine(deployment: Deployment): AsyncGenerator<Check> {
  const { client, url } = deployment
  const local = isLocal(url)
  let backends: Backends
  let name = 'worker'
  try {
    const started = performance.now()
    const { status } = await client.health()
    if (status !== 'ok') throw new Error('the server at this URL is not fallback-storage')
    yield { name, status: 'ok', detail: `${url} answers in ${Math.round(performance.now() - started)} ms` }

    name = 'configuration'
    // All routes but health report a wrong configuration. This one needs a token only where media are not public.
    await client.validName(probeName()).catch((error: unknown) => {
      if (!isRefusal(error)) throw error
    })
    yield { name, status: 'ok', detail: 'is valid, with all its bindings and secrets' }

    name = 'token'
    backends = await client.backends()
    if (local || url.startsWith('https:')) yield { name, status: 'ok', detail: 'is accepted' }
    else {
      const detail = 'is accepted, but is sent unencrypted'
      yield { name, status: 'warning', detail, fix: 'use the https URL' }
    }
  } catch (error) {
    const isConfiguration = name === 'configuration' && error instanceof ApiError
    const [reason = ''] = describeError(error).lines
    const detail = isConfiguration ? error.problem.detail : reason
    yield { name, status: 'failed', detail, fix: setupFix(name, error, deployment) }
    return
  }

  yield checkChain(backends)
  for (const { backend, detail } of backends.warnings ?? [])
    yield { name: backend, status: 'warning', detail }
  try {
    for (const finding of (await client.explain(probeName())).backends)
      yield checkBackend(finding, backends, local)
  } catch (error) {
    yield requestFailed('backends', error, deployment)
  }
  try {
    yield* checkListing(client, backends, local)
  } catch (error) {
    yield requestFailed('listing', error, deployment)
  }
  if (backends.backends.some(({ role }) => role === 'mirror'))
    try {
      for (const mirror of await client.mirrors()) yield checkMirror(mirror)
    } catch (error) {
      yield requestFailed('mirrors', error, deployment)
    }
  try {
    yield checkJobs((await client.backfills()).filter((job) => !isOver(job)))
  } catch (error) {
    yield requestFailed('jobs', error, deployment)
  }
}

/** A name that exists nowhere; a new one each time, because absences are cached for a while. */
function probeName(): string {
  return `fallback-storage-doctor-${crypto.randomUUID()}`
}

/** What a route of optional parts needs. */
const NEEDS: Record<string, Pick<Check, 'status' | 'fix'>> = {
  mirrors: {
    status: 'failed',
    fix: "mirrors need the Durable Object class MirrorLog: bind it as MIRROR_LOG, with its migration, as in the project's wrangler.toml",
  },
  jobs: {
    status: 'warning',
    fix: "backfills need the queue and the Durable Object from the project's wrangler.toml",
  },
}

/** The Worker runs and is configured, but does not answer this request. */
function requestFailed(name: string, error: unknown, deployment: Deployment): Check {
  const { lines } = describeError(error)
  // Of a network failure, the others are about doctor itself.
  const shown = networkReason(error) === undefined ? lines : lines.slice(0, 1)
  const detail = shown.map((line) => line.trim()).join('; ')
  const isUnsupported = error instanceof ApiError && error.status === 501
  return {
    name,
    status: 'failed',
    detail,
    fix: requestFix(error, deployment),
    ...(isUnsupported && NEEDS[name]),
  }
}

/** Whether the Worker there runs under `wrangler dev`. */
function isLocal(url: string): boolean {
  const { hostname } = new URL(url)
  return /^(?:localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

/** How to fix what must work before the backends can be checked. */
function setupFix(name: string, error: unknown, { url, hasToken }: Deployment): string {
  const local = isLocal(url)
  if (name === 'worker') {
    return networkReason(error) === undefined
      ? 'use the URL under which your objects are served, MEDIA_PATH included: --url https://example.com/media/'
      : `check the URL, and that the Worker is running (npx wrangler ${local ? 'dev' : 'deploy'})`
  }
  if (name === 'configuration' && networkReason(error) === undefined) {
    return local
      ? 'fix wrangler.toml or .dev.vars, then restart wrangler dev'
      : 'fix wrangler.toml or set the secret, then deploy again'
  }
  return requestFix(error, { url, hasToken })
}

function requestFix(error: unknown, { url, hasToken }: Pick<Deployment, 'url' | 'hasToken'>): string {
  if (networkReason(error) !== undefined) return 'check the connection to the Worker, then run doctor again'
  const local = isLocal(url)
  const { status, title } = error instanceof ApiError ? error.problem : {}
  const set = local
    ? 'set API_TOKEN in .dev.vars, then restart wrangler dev'
    : 'set it with: npx wrangler secret put API_TOKEN'
  if (status === 403 && hasToken && title === 'Forbidden')
    return 'use a token with the scope "admin" and without a prefix'
  if (status === 403) return set
  if (status !== 401)
    return `the Worker's log says why (${local ? 'where wrangler dev runs' : 'npx wrangler tail'})`
  return hasToken
    ? `FALLBACK_STORAGE_TOKEN (or --token-file) is not a token of the Worker (API_TOKEN, API_TOKENS): correct it, or ${set}`
    : 'set FALLBACK_STORAGE_TOKEN, or give --token-file, to a token of the Worker (API_TOKEN, API_TOKENS)'
}

function checkBackend(finding: Finding, { backends }: Backends, local: boolean): Check {
  const { name, result, detail = '', latency_ms: latency } = finding
  if (!finding.accepts) {
    return { name, status: 'ok', detail: "not checked: its include or exclude rules out doctor's test name" }
  }
  const described = backends.find((backend) => backend.name === name)
  if (!['absent', 'hit', 'deleted'].includes(result))
    return { name, status: 'failed', ...failureOf({ error: result, detail }, described, local) }
  const { recent_errors: errors = [] } = described?.health ?? {}
  const last = errors.at(-1)
  const answers = `answers in ${latency ?? '?'} ms`
  if (!last) return { name, status: 'ok', detail: answers }
  const times = errors.length === 1 ? 'once' : `${errors.length} times`
  const lately = `${answers}, but failed ${times} recently, last at ${last.at}: ${last.error}: ${last.detail}`
  return { name, status: 'warning', detail: lately, fix: backendFix(last, described, local) }
}

async function* checkListing(client: Client, { backends }: Backends, local: boolean): AsyncGenerator<Check> {
  const name = 'listing'
  const page = await client.list('', { limit: 1 })
  if (page.degraded.length === 0) yield { name, status: 'ok', detail: 'every backend can list' }
  for (const { name: backend, error, detail } of page.backends ?? []) {
    const described = backends.find((other) => other.name === backend)
    const failure = failureOf({ error, detail }, described, local)
    if (error === 'unsupported')
      yield { name, status: 'warning', ...failure, detail: `${backend}: ${detail}` }
    else yield { name, status: 'failed', ...failure, detail: `${backend}: ${failure.detail}` }
  }
}

function checkJobs(unfinished: readonly Pick<Backfill, 'id' | 'state' | 'waiting'>[]): Check {
  const name = 'jobs'
  if (unfinished.length === 0) return { name, status: 'ok', detail: 'no backfill is running' }
  const detail = `unfinished: ${unfinished
    .map(({ id, state, waiting }) => {
      if (waiting) return `${id} (waiting for ${waiting.backend}: ${waiting.error}: ${waiting.detail})`
      return state === 'paused' ? `${id} (paused)` : id
    })
    .join(', ')}`
  if (unfinished.every(({ waiting }) => !waiting)) return { name, status: 'ok', detail }
  const fix = 'fix what the backend fails with; a job that waits goes on by itself once the backend answers'
  return { name, status: 'warning', detail, fix }
}

/** Changes usually follow within seconds. */
const BEHIND_SECONDS = 120

function checkMirror(mirror: Mirror): Check {
  const { name, pending, failed, oldest_pending_seconds: oldest, last_resync: resync, failures } = mirror
  const [failure] = failures
  const state =
    pending === 0 ? 'no change is pending' : `${changes(pending)} pending, for ${duration(oldest ?? 0)}`
  const reason = failure ? `, e.g. ${failure.name}: ${failure.error}: ${failure.detail}` : ''
  const isLate = (oldest ?? 0) >= BEHIND_SECONDS
  if (failed > 0 || isLate)
    return {
      name: 'mirrors',
      status: failed > 0 ? 'failed' : 'warning',
      detail: `${name}: ${state}${failed > 0 ? `; ${count(failed)} ${failed === 1 ? 'has' : 'have'} failed` : ''}${reason}`,
      fix: failure
        ? 'fix what the mirror fails with; what is pending is then tried again automatically. See it with: fallback-storage mirrors'
        : 'wait: a backlog ends by itself. If it grows, see that the queue of COPY_QUEUE has the Worker as its consumer',
    }
  const unknown =
    resync === null ? '; never resynced, so verify --rollback says whether it has what is older' : ''
  return { name: 'mirrors', status: 'ok', detail: `${name}: ${state}${unknown}` }
}

function changes(pending: number): string {
  return `${count(pending)} ${pending === 1 ? 'change' : 'changes'}`
}
