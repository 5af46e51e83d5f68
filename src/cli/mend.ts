import type { BackendDescription } from '../client/client.ts'

type Config = NonNullable<BackendDescription['config']>

/** Whether a Worker there is one under `wrangler dev`. */
export function isLocal(url: string): boolean {
  const { hostname } = new URL(url)
  return /^(?:localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

/** How a secret of the Worker is set: `wrangler dev` reads a file, Cloudflare keeps what it was sent. */
export function howToSet(secret: string, local: boolean): string {
  return local
    ? `set ${secret} in .dev.vars, then restart wrangler dev`
    : `set it with: npx wrangler secret put ${secret}`
}

/** What to do about a backend that answers with that error. */
export function mendFor(error: string, backend: BackendDescription | undefined, local: boolean): string {
  const type = backend?.type ?? ''
  const config: Config = backend?.config ?? {}
  if (error === 'denied') return deniedMend(type, config, local)
  if (error === 'timeout') {
    return `no answer within timeout_ms (${told(config, 'timeout_ms')}): can Cloudflare reach it? If it is just slow, raise timeout_ms`
  }
  if (error === 'loop')
    return `${told(config, 'url' in config ? 'url' : 'endpoint')} leads back to this Worker: give it the address of what holds the files itself`
  if (error === 'overloaded')
    return 'too many uploads and copies at once for the memory of one isolate: try again, with fewer at a time'
  if (error === 'skipped')
    return 'it failed too often and is left alone for a short while; it will be tried again by itself'
  if (error === 'unlisted') {
    return type === 'http'
      ? 'if the origin can list, set listing = "autoindex-json"; otherwise backfill from it with --manifest'
      : 'backfill from it with --manifest'
  }
  return unavailableMend(type, config)
}

function deniedMend(type: string, config: Config, local: boolean): string {
  if (type === 'http') return deniedByOrigin(config)
  if (type !== 's3') return 'is it the right binding, and may this Worker use it?'
  const kept = local ? 'kept in .dev.vars' : 'set with npx wrangler secret put'
  // The API tells the configuration in its own words: `credentials` itself would be the keys.
  const { credentials_from: from } = config
  const keys =
    typeof from === 'string'
      ? `are the secrets ${from}_ACCESS_KEY_ID and ${from}_SECRET_ACCESS_KEY (${kept}) right, and region (${told(config, 'region')})?`
      : `requests are unsigned and the bucket is not public: set credentials = "NAME" and the secrets NAME_ACCESS_KEY_ID and NAME_SECRET_ACCESS_KEY (${kept}).`
  return `${keys} Without permission to list, S3 answers 403 for missing objects, too: allow s3:ListBucket, or set absent_statuses = [403, 404, 410]`
}

function deniedByOrigin({ header_names: names }: Config): string {
  const headers =
    Array.isArray(names) && names.length > 0
      ? `is what is sent as ${names.join(', ')} right?`
      : 'does the origin need a header? headers = { Authorization = "$SECRET" }.'
  return `${headers} If it answers 403 for missing objects: absent_statuses = [403, 404, 410]`
}

function unavailableMend(type: string, config: Config): string {
  if (type === 's3') {
    return `are endpoint (${told(config, 'endpoint')}) and bucket (${told(config, 'bucket')}) right, and is it up? Some servers need addressing = "virtual"`
  }
  if (type === 'http') {
    return `does ${told(config, 'url' in config ? 'url' : 'binding')} answer, and can Cloudflare reach it?`
  }
  return `is the binding ${told(config, 'binding')} bound to something that exists? See \`npx wrangler deploy --dry-run\``
}

function told(config: Config, key: string): string {
  return String(config[key] ?? `its ${key}`)
}
