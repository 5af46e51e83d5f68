import type { Command } from 'commander'
import {
  type BackendDescription,
  type Backends,
  type Explanation,
  type Finding,
  type ListPage,
  type Client,
  ApiError,
} from '../../client/client.ts'
import { CommandError, describeError, EXIT, networkReason } from '../errors.ts'
import { styled, type Text } from '../output.ts'
import { sessionOf } from '../session.ts'

/** The result of one check. */
export interface Check {
  name: string
  status: 'ok' | 'warning' | 'failed'
  detail: string
  /** How to fix it. */
  fix?: string
}

interface DoctorOptions {
  client: Client
  url: string
  hasToken: boolean
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('find out what is wrong with a deployment')
    .description(
      'Checks the Worker, its configuration, the token and every backend, with one harmless request each, and\n' +
        'says how to fix what is wrong. Changes nothing. Exit code 1 if any check failed.',
    )
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage doctor
  fallback-storage doctor --json | jq '.checks[] | select(.status != "ok")'`,
    )
    .action(async (_options: unknown, command: Command) => {
      const { client, output, url, headers } = sessionOf(command)
      const checks: Check[] = []
      for await (const check of examine({ client, url, hasToken: 'Authorization' in headers })) {
        checks.push(check)
        if (!output.json) linesOf(check).forEach(output.line)
      }
      const ok = checks.every(({ status }) => status !== 'failed')
      // The field of the JSON document keeps its published name.
      if (output.json)
        output.record({ ok, checks: checks.map(({ fix, ...check }) => ({ ...check, mend: fix })) })
      if (!ok) throw new CommandError(EXIT.failed)
    })
}

const SIGNS = {
  ok: styled('green', '✓'),
  warning: styled('yellow', '!'),
  failed: styled('red', '✗'),
}

const INDENT = ' '.repeat(17)

function linesOf({ name, status, detail, fix }: Check): Text[] {
  const [first = '', ...more] = detail.trim().split('\n')
  return [
    [SIGNS[status], ` ${name.padEnd(14)} ${first}`],
    ...more.map((line) => INDENT + line),
    ...(fix === undefined ? [] : [`${INDENT}→ ${fix}`]),
  ]
}

/** Checks everything that a deployment needs, with one harmless request each. */
export async function* examine(options: DoctorOptions): AsyncGenerator<Check> {
  const { client, url } = options
  const local = isLocal(url)
  const health = await checkHealth(client, url)
  yield health
  if (health.status === 'failed') return
  const configuration = await checkConfiguration(client, local)
  yield configuration
  if (configuration.status === 'failed') return
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

/** A name that exists nowhere; a new one each time, because absences are cached for a while. */
function probeName(): string {
  return `fallback-storage-doctor-${crypto.randomUUID()}`
}

async function checkHealth(client: Client, url: string): Promise<Check> {
  const name = 'worker'
  const started = performance.now()
  try {
    const { status } = await client.health()
    if (status !== 'ok') throw new Error('the server at this URL is not fallback-storage')
    return { name, status: 'ok', detail: `${url} answers in ${Math.round(performance.now() - started)} ms` }
  } catch (error) {
    const fix =
      networkReason(error) === undefined
        ? 'use the URL under which your objects are served, MEDIA_PATH included: --url https://example.com/media/'
        : `check the URL, and that the Worker is running${isLocal(url) ? ' (npx wrangler dev)' : ' (npx wrangler deploy)'}`
    return { name, status: 'failed', detail: reasonOf(error), fix }
  }
}

/** All routes but health report a wrong configuration, so one that needs no token will do. */
async function checkConfiguration(client: Client, local: boolean): Promise<Check> {
  const name = 'configuration'
  try {
    await client.validName(probeName())
    return { name, status: 'ok', detail: 'is valid, with all its bindings and secrets' }
  } catch (error) {
    const detail = error instanceof ApiError ? error.problem.detail : String(error)
    const fix = local
      ? 'fix wrangler.toml or .dev.vars, then restart wrangler dev'
      : 'fix wrangler.toml or set the secret, then deploy again'
    return { name, status: 'failed', detail, fix }
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
    const detail = 'is accepted, but is sent unencrypted'
    return { check: { name, status: 'warning', detail, fix: 'use the https URL' }, backends }
  } catch (error) {
    const fix = tokenFix(error, { hasToken, local: isLocal(url) })
    return { check: { name, status: 'failed', detail: reasonOf(error), fix }, backends: null }
  }
}

function tokenFix(error: unknown, { hasToken, local }: { hasToken: boolean; local: boolean }): string {
  const status = error instanceof ApiError ? error.status : undefined
  const set = local
    ? 'set API_TOKEN in .dev.vars, then restart wrangler dev'
    : 'set it with: npx wrangler secret put API_TOKEN'
  if (status === 403) return set
  if (status !== 401) return "the Worker's log says why (npx wrangler tail)"
  return hasToken
    ? `FALLBACK_STORAGE_TOKEN (or --token-file) is not the Worker's API_TOKEN: correct it, or ${set}`
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
    const fix = 'uploads and deletes fail with 501: add a writable backend'
    return { name, status: 'warning', detail, fix }
  }
  if (migration && firstWritable === backends.length - 1) {
    const fix = 'nothing can be copied: put a writable backend before the ones to migrate from'
    return { name, status: 'warning', detail, fix }
  }
  return { name, status: 'ok', detail }
}

async function* checkBackends(client: Client, { backends }: Backends, local: boolean): AsyncGenerator<Check> {
  let explanation: Explanation
  try {
    explanation = await client.explain(probeName())
  } catch (error) {
    yield { name: 'backends', status: 'failed', detail: reasonOf(error) }
    return
  }
  for (const finding of explanation.backends) {
    const described = backends.find(({ name }) => name === finding.name)
    yield checkBackend(finding, described, local)
  }
}

function checkBackend(finding: Finding, described: BackendDescription | undefined, local: boolean): Check {
  const { name, result, detail = '', latency_ms: latency } = finding
  if (!finding.accepts) {
    return { name, status: 'ok', detail: "not checked: its include or exclude rules out doctor's test name" }
  }
  if (!['absent', 'hit', 'deleted'].includes(result)) {
    return {
      name,
      status: 'failed',
      detail: `${result}: ${detail}`,
      fix: backendFix(result, described, local),
    }
  }
  const { recent_errors: errors = [] } = described?.health ?? {}
  const answers = `answers in ${latency ?? '?'} ms`
  const last = errors.at(-1)
  if (!last) return { name, status: 'ok', detail: answers }
  const times = errors.length === 1 ? 'once' : `${errors.length} times`
  const lately = `${answers}, but failed ${times} recently, last at ${last.at}: ${last.error}: ${last.detail}`
  return { name, status: 'warning', detail: lately, fix: backendFix(last.error, described, local) }
}

async function* checkListing(client: Client, { backends }: Backends, local: boolean): AsyncGenerator<Check> {
  const name = 'listing'
  let page: ListPage
  try {
    page = await client.list('', { limit: 1 })
  } catch (error) {
    const detail = describeError(error).lines.map((line) => line.trim())
    yield { name, status: 'failed', detail: detail.join('; ') }
    return
  }
  if (page.degraded.length === 0) yield { name, status: 'ok', detail: 'every backend can list' }
  for (const { name: backend, error, detail } of page.backends ?? []) {
    const described = backends.find(({ name: own }) => own === backend)
    const cannot = error === 'unsupported'
    yield {
      name,
      status: cannot ? 'warning' : 'failed',
      detail: `${backend}: ${cannot ? detail : `${error}: ${detail}`}`,
      fix: backendFix(error, described, local),
    }
  }
}

async function checkJobs(client: Client): Promise<Check> {
  const name = 'jobs'
  try {
    const open = (await client.backfills()).filter(({ state }) => !/^(cancelled|completed)/.test(state))
    const ids = open.map(({ id }) => id).join(', ')
    return { name, status: 'ok', detail: ids === '' ? 'no backfill is running' : `unfinished: ${ids}` }
  } catch (error) {
    const fix = "backfills need the queue and the Durable Object from the project's wrangler.toml"
    return { name, status: 'warning', detail: reasonOf(error), fix }
  }
}

function reasonOf(error: unknown): string {
  return describeError(error).lines[0] ?? ''
}

/** Whether the Worker there runs under `wrangler dev`. */
function isLocal(url: string): boolean {
  const { hostname } = new URL(url)
  return /^(?:localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

type Config = NonNullable<BackendDescription['config']>

/** How to fix a backend that fails with this error. */
function backendFix(error: string, backend: BackendDescription | undefined, local: boolean): string {
  const { type = '', config: given } = backend ?? {}
  const config: Config = given ?? {}
  const fix = FIXES[error] ?? fixUnavailable
  return fix({ type, config, local })
}

interface FixOptions {
  type: string
  config: Config
  local: boolean
}

const FIXES: Record<string, (options: FixOptions) => string> = {
  denied: fixDenied,
  timeout: ({ config }) =>
    `check that Cloudflare can reach it. If it is just slow, raise timeout_ms (${setting(config, 'timeout_ms')})`,
  loop: ({ config }) =>
    `${setting(config, 'url' in config ? 'url' : 'endpoint')} leads back to this Worker: use the address of the server that holds the files`,
  overloaded: () =>
    'too many uploads and copies at once for the memory of one isolate: retry with fewer at a time',
  skipped: () => 'it failed too often, so it is skipped for a short while and then retried automatically',
  unsupported: ({ type }) =>
    type === 'http'
      ? 'if the origin can list, set listing = "autoindex-json"; otherwise backfill from it with --manifest'
      : 'backfill from it with --manifest',
}

function fixDenied({ type, config, local }: FixOptions): string {
  if (type === 'http') return fixDeniedByOrigin(config)
  if (type !== 's3') return 'check that this is the right binding and that the Worker may use it'
  const where = local ? 'in .dev.vars' : 'with npx wrangler secret put'
  // The API answers with `credentials_from`, since `credentials` would be the keys themselves.
  const { credentials_from: from } = config
  const keys =
    typeof from === 'string'
      ? `check the secrets ${from}_ACCESS_KEY_ID and ${from}_SECRET_ACCESS_KEY (set ${where}) and the region (${setting(config, 'region')}).`
      : `requests are unsigned and the bucket is not public: set credentials = "NAME", and set the secrets NAME_ACCESS_KEY_ID and NAME_SECRET_ACCESS_KEY ${where}.`
  return `${keys} Without permission to list, S3 also answers 403 for missing objects: allow s3:ListBucket, or set absent_statuses = [403, 404, 410]`
}

function fixDeniedByOrigin({ header_names: names }: Config): string {
  const headers =
    Array.isArray(names) && names.length > 0
      ? `check the value sent as ${names.join(', ')}.`
      : 'if the origin needs a header, set headers = { Authorization = "$SECRET" }.'
  return `${headers} If it answers 403 for missing objects, set absent_statuses = [403, 404, 410]`
}

function fixUnavailable({ type, config }: FixOptions): string {
  if (type === 's3') {
    return `check endpoint (${setting(config, 'endpoint')}) and bucket (${setting(config, 'bucket')}), and that the server is up. Some servers need addressing = "virtual"`
  }
  if (type === 'http') {
    return `check that ${setting(config, 'url' in config ? 'url' : 'binding')} is up and that Cloudflare can reach it`
  }
  return `check that the binding ${setting(config, 'binding')} points to something that exists: npx wrangler deploy --dry-run`
}

function setting(config: Config, key: string): string {
  return String(config[key] ?? `its ${key}`)
}
