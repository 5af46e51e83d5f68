import type { BackendDescription } from './answers.ts'

type Config = NonNullable<BackendDescription['config']>

/** What to do about a backend that answers with that error. */
export function mendFor(error: string, backend: BackendDescription | undefined): string {
  const type = backend?.type ?? ''
  const config: Config = backend?.config ?? {}
  if (error === 'denied') return deniedMend(type, config)
  if (error === 'timeout') {
    return `it takes longer than timeout_ms (${told(config, 'timeout_ms')}): is it reachable from Cloudflare? Else raise timeout_ms`
  }
  if (error === 'loop')
    return `${told(config, 'url' in config ? 'url' : 'endpoint')} leads back to this Worker: give it the address of what holds the files itself`
  if (error === 'skipped')
    return 'it failed too often and is left alone for a while; it is tried again by itself'
  if (error === 'unlisted') {
    return type === 'http'
      ? 'if the origin can list, set listing = "autoindex-json"; else backfill it with --manifest'
      : 'backfill it with --manifest'
  }
  return unavailableMend(type, config)
}

function deniedMend(type: string, config: Config): string {
  if (type === 'http') {
    return 'does the origin want a header? headers = { Authorization = "$SECRET" }. If it answers 403 for what is missing: absent_statuses = [403, 404, 410]'
  }
  if (type !== 's3') return 'is the binding the right one, and may this Worker use it?'
  const { credentials } = config
  const keys =
    typeof credentials === 'string'
      ? `are the secrets ${credentials}_ACCESS_KEY_ID and ${credentials}_SECRET_ACCESS_KEY right, and region too?`
      : 'the bucket is not public: set credentials and its secrets.'
  return `${keys} Without the permission to list, S3 answers 403 for what is missing: allow s3:ListBucket, or set absent_statuses = [403, 404, 410]`
}

function unavailableMend(type: string, config: Config): string {
  if (type === 's3') {
    return `are endpoint (${told(config, 'endpoint')}) and bucket (${told(config, 'bucket')}) right, and is it up? Some servers want addressing = "virtual"`
  }
  if (type === 'http') {
    return `does ${told(config, 'url' in config ? 'url' : 'binding')} answer, and may Cloudflare reach it?`
  }
  return `is the binding ${told(config, 'binding')} bound to something that exists? See \`npx wrangler deploy --dry-run\``
}

function told(config: Config, key: string): string {
  return String(config[key] ?? `its ${key}`)
}
