import {
  ApiError,
  type BackendDescription,
  type Backends,
  type Client,
  type Explanation,
  type Finding,
  type ListPage,
} from '../client/client.ts'
import { describeError, networkReason } from './describe-error.ts'
import { howToSet, isLocal, mendFor } from './mend.ts'

/** One thing that was looked at. */
export interface Check {
  name: string
  status: 'ok' | 'warning' | 'failed'
  detail: string
  /** What to do about it. */
  mend?: string
}

export interface DoctorOptions {
  client: Client
  url: string
  hasToken: boolean
}

/** A name that nobody has, another one each time: what is absent is remembered for a while. */
function probeName(): string {
  return `fallback-storage-doctor-${crypto.randomUUID()}`
}

/** Looks at everything that a deployment needs, with one harmless call each; yields as it goes. */
export async function* examine(options: DoctorOptions): AsyncGenerator<Check> {
  const { client, url } = options
  const local = isLocal(url)
  const health = await checkHealth(client, url)
  yield health
  if (health.status === 'failed') return
  const media = await checkConfiguration(client, local)
  yield media
  if (media.status === 'failed') return
  const { check, backends } = await checkToken(options)
  yield check
  if (!backends) return
  yield checkChain(backends)
  for (const { backend, detail } of backends.warnings ?? [])
    yield { name: backend, status: 'warning', detail }
  yield* checkBackends(client, backends, local)
  yield* checkListing(client, backends, local)
  yield await checkJobs(client)
}

async function checkHealth(client: Client, url: string): Promise<Check> {
  const name = 'worker'
  const started = performance.now()
  try {
    const { status } = await client.health()
    if (status !== 'ok') throw new Error('something else answers there')
    return { name, status: 'ok', detail: `${url} answers in ${Math.round(performance.now() - started)} ms` }
  } catch (error) {
    const detail = describeError(error).lines[0] ?? ''
    const mend =
      networkReason(error) === undefined
        ? 'give the URL below which names begin, MEDIA_PATH included: --url https://example.com/media/'
        : `is the Worker running${isLocal(url) ? ' (npx wrangler dev)' : ' (npx wrangler deploy)'}, and is the URL right?`
    return { name, status: 'failed', detail, mend }
  }
}

/** Every route but health says what is wrong with the configuration: also one that needs no token. */
async function checkConfiguration(client: Client, local: boolean): Promise<Check> {
  const name = 'configuration'
  try {
    await client.validName(probeName())
    return { name, status: 'ok', detail: 'is valid, with all its bindings and secrets' }
  } catch (error) {
    const detail = error instanceof ApiError ? error.problem.detail : String(error)
    const mend = local
      ? 'fix wrangler.toml or .dev.vars, then restart wrangler dev'
      : 'fix wrangler.toml or set the secret, then deploy again'
    return { name, status: 'failed', detail, mend }
  }
}

async function checkToken({
  client,
  url,
  hasToken,
}: DoctorOptions): Promise<{ check: Check; backends: Backends | null }> {
  const name = 'token'
  try {
    const backends = await client.backends()
    if (url.startsWith('https:') || isLocal(url))
      return { check: { name, status: 'ok', detail: 'is accepted' }, backends }
    const detail = 'is accepted, but travels unencrypted'
    return { check: { name, status: 'warning', detail, mend: 'use the https URL' }, backends }
  } catch (error) {
    const detail = describeError(error).lines[0] ?? ''
    const mend = tokenMend(error, { hasToken, local: isLocal(url) })
    return { check: { name, status: 'failed', detail, mend }, backends: null }
  }
}

function tokenMend(error: unknown, { hasToken, local }: { hasToken: boolean; local: boolean }): string {
  const fix = howToSet('API_TOKEN', local)
  if (error instanceof ApiError && error.status === 403) return fix
  if (!(error instanceof ApiError) || error.status !== 401)
    return 'the Worker failed on this route: its log says why (npx wrangler tail)'
  return hasToken
    ? `FALLBACK_STORAGE_TOKEN (or --token-file) is not the Worker's API_TOKEN: correct it, or ${fix}`
    : "set FALLBACK_STORAGE_TOKEN, or give --token-file, to the Worker's API_TOKEN"
}

function checkChain({ backends, migration, deletes }: Backends): Check {
  const name = 'chain'
  const chain = backends.map(
    ({ name: own, type, writable }) => `${own} (${type}${writable ? '' : ', read-only'})`,
  )
  const rules = `${migration ? 'copying on read' : 'no copying on read'}, deletes: ${deletes}`
  const detail = `${chain.join(' → ')}; ${rules}`
  const firstWritable = backends.findIndex(({ writable }) => writable)
  if (firstWritable === -1) {
    return {
      name,
      status: 'warning',
      detail,
      mend: 'no backend takes writes: uploads and deletes answer 501',
    }
  }
  if (migration && firstWritable === backends.length - 1) {
    const mend = 'nothing can be copied: put a writable backend before the ones to migrate from'
    return { name, status: 'warning', detail, mend }
  }
  return { name, status: 'ok', detail }
}

async function* checkBackends(client: Client, { backends }: Backends, local: boolean): AsyncGenerator<Check> {
  let told: Explanation
  try {
    told = await client.explain(probeName())
  } catch (error) {
    yield { name: 'backends', status: 'failed', detail: describeError(error).lines[0] ?? '' }
    return
  }
  for (const finding of told.backends) {
    const described = backends.find(({ name }) => name === finding.name)
    yield checkBackend(finding, described, local)
  }
}

function checkBackend(finding: Finding, described: BackendDescription | undefined, local: boolean): Check {
  const { name, result, detail = '', latency_ms: latency } = finding
  if (!finding.accepts)
    return {
      name,
      status: 'ok',
      detail: 'not checked: its include or exclude rules out the name that doctor tries',
    }
  if (['absent', 'hit', 'deleted'].includes(result)) {
    const { recent_errors: errors = [] } = described?.health ?? {}
    const answers = `answers in ${latency ?? '?'} ms`
    const last = errors.at(-1)
    if (!last) return { name, status: 'ok', detail: answers }
    const lately = `${answers}, but has failed lately (${errors.length} ${errors.length === 1 ? 'time' : 'times'}, the last at ${last.at}): ${last.error}: ${last.detail}`
    return { name, status: 'warning', detail: lately, mend: mendFor(last.error, described, local) }
  }
  return { name, status: 'failed', detail: `${result}: ${detail}`, mend: mendFor(result, described, local) }
}

async function* checkListing(client: Client, { backends }: Backends, local: boolean): AsyncGenerator<Check> {
  const name = 'listing'
  let page: ListPage
  try {
    page = await client.list('', { limit: 1 })
  } catch (error) {
    const [detail = '', ...more] = describeError(error).lines
    yield { name, status: 'failed', detail: [detail, ...more.map((line) => line.trim())].join('; ') }
    return
  }
  if (page.degraded.length === 0) yield { name, status: 'ok', detail: 'every backend lists' }
  for (const { name: backend, error, detail } of page.backends ?? []) {
    const described = backends.find(({ name: own }) => own === backend)
    const cannot = error === 'unsupported'
    yield {
      name,
      status: cannot ? 'warning' : 'failed',
      detail: `${backend}: ${cannot ? detail : `${error}: ${detail}`}`,
      mend: mendFor(cannot ? 'unlisted' : error, described, local),
    }
  }
}

async function checkJobs(client: Client): Promise<Check> {
  const name = 'jobs'
  try {
    const open = (await client.backfills()).filter(({ state }) => !/^(cancelled|completed)/.test(state))
    return {
      name,
      status: 'ok',
      detail: open.length === 0 ? 'no backfill is open' : `open: ${open.map(({ id }) => id).join(', ')}`,
    }
  } catch (error) {
    const detail = describeError(error).lines[0] ?? ''
    return {
      name,
      status: 'warning',
      detail,
      mend: "backfills need the queue and the Durable Object of the project's wrangler.toml",
    }
  }
}
