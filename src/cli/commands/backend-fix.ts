import type { BackendDescription } from '../../client/client.ts'
import type { Check } from '../checks.ts'

interface Failing {
  type: string
  config: NonNullable<BackendDescription['config']>
  local: boolean
  detail: string
}

interface Failure {
  error: string
  detail: string
}

/** What a backend fails with, and how to fix it. What skips it ends by itself, so then it is about its last failure. */
export function failureOf(
  failure: Failure,
  described: BackendDescription | undefined,
  local: boolean,
): Required<Pick<Check, 'detail' | 'fix'>> {
  const detail = `${failure.error}: ${failure.detail}`
  const last = failure.error === 'skipped' ? described?.health?.recent_errors.at(-1) : undefined
  if (!last) return { detail, fix: backendFix(failure, described, local) }
  const why = `${detail}, last at ${last.at}: ${last.error}: ${last.detail}`
  return { detail: why, fix: backendFix(last, described, local) }
}

/** How to fix a backend that fails with this. */
export function backendFix(
  { error, detail }: Failure,
  backend: BackendDescription | undefined,
  local: boolean,
): string {
  const fix = FIXES[error] ?? fixUnavailable
  return fix({ type: backend?.type ?? '', config: backend?.config ?? {}, local, detail })
}

const FIXES: Record<string, (failing: Failing) => string> = {
  denied: fixDenied,
  locked: () =>
    'a lock (R2 bucket lock, S3 object lock) protects objects there: until it ends, replacing and deleting them is answered with 409. If that is not wanted, remove the rule or limit it to a prefix',
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

function fixDenied({ type, config, local }: Failing): string {
  const { header_names: names, credentials_from: from } = config
  if (type === 'http') {
    const headers =
      Array.isArray(names) && names.length > 0
        ? `check the value sent as ${names.join(', ')}.`
        : 'if the origin needs a header, set headers = { Authorization = "$SECRET" }.'
    return `${headers} If it answers 403 for missing objects, set absent_statuses = [403, 404, 410]`
  }
  if (type !== 's3') return 'check that this is the right binding and that the Worker may use it'
  const where = local ? 'in .dev.vars' : 'with npx wrangler secret put'
  const keys =
    typeof from === 'string'
      ? `check the secrets ${from}_ACCESS_KEY_ID and ${from}_SECRET_ACCESS_KEY (set ${where}) and the region (${setting(config, 'region')}).`
      : `requests are unsigned and the bucket is not public: set credentials = "NAME", and set the secrets NAME_ACCESS_KEY_ID and NAME_SECRET_ACCESS_KEY ${where}.`
  return `${keys} Without permission to list, S3 also answers 403 for missing objects: allow s3:ListBucket, or set absent_statuses = [403, 404, 410]`
}

function fixUnavailable({ type, config, detail }: Failing): string {
  if (/answered (?:429|503 SlowDown)/.test(detail))
    return 'it limits how fast it is read: raise its limit, or slow backfills and verifications down with --max-per-second'
  // From 520 on it is Cloudflare that answers: it could not reach the server.
  if (/answered 5[01]\d/.test(detail))
    return 'it answers, but fails: its own log says why, or the status page of whoever runs it'
  if (type === 's3') {
    return `check endpoint (${setting(config, 'endpoint')}) and bucket (${setting(config, 'bucket')}), and that the server is up. Some servers need addressing = "virtual"`
  }
  if (type === 'http' && detail.includes('redirects'))
    return `see where ${setting(config, 'url' in config ? 'url' : 'binding')} redirects: if that is a page to sign in, it needs headers or basic_auth; otherwise set url to where it leads`
  if (type === 'http') {
    return `check that ${setting(config, 'url' in config ? 'url' : 'binding')} is up and that Cloudflare can reach it`
  }
  return `check that the binding ${setting(config, 'binding')} points to something that exists: npx wrangler deploy --dry-run`
}

function setting(config: Failing['config'], key: string): string {
  return String(config[key] ?? `its ${key}`)
}
