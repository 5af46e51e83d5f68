/** One mistake in an otherwise good configuration. Without anything of Cloudflare's, so that Node can use it, too. */
export interface BeginnersMistake {
  title: string
  /** In place of the second backend. */
  backend?: Record<string, unknown>
  vars?: Record<string, unknown>
  /** Keys of the file itself. */
  file?: Record<string, unknown>
  /** Secrets that are not set. */
  withoutSecrets?: string[]
  /** What the one message contains. */
  says: string[]
  /** Whether the Worker sees it, too: as a mistake in its configuration, with the same words. */
  inWorker: boolean
  /** Default: failed. */
  status?: 'warning'
}

export const legacy = {
  type: 's3',
  name: 'legacy',
  endpoint: 'https://s3.eu-central-1.amazonaws.com',
  region: 'eu-central-1',
  bucket: 'old-media',
  credentials: 'LEGACY',
}
const r2 = { type: 'r2', binding: 'MEDIA' }
const origin = { type: 'http', name: 'legacy', url: 'https://www.museum.org/media/' }

export const BEGINNERS_MISTAKES: readonly BeginnersMistake[] = [
  {
    title: 'a wrong binding name',
    vars: { FALLBACK_STORAGES: [{ type: 'r2', binding: 'MEDAI' }, legacy] },
    says: ['there is no binding `MEDAI`; use `MEDIA`, or add one under [[r2_buckets]] in wrangler.toml'],
    inWorker: true,
  },
  {
    title: 'a missing secret',
    withoutSecrets: ['LEGACY_SECRET_ACCESS_KEY'],
    says: [
      'the secret `LEGACY_SECRET_ACCESS_KEY` is not set',
      'npx wrangler secret put LEGACY_SECRET_ACCESS_KEY',
    ],
    inWorker: true,
  },
  {
    title: 'a URL with a path where none is allowed',
    vars: { S3_HOST: 'https://s3.museum.org/media' },
    says: ['S3_HOST: must be a hostname in lower case, without "https://" and path'],
    inWorker: true,
  },
  {
    title: 'the URL of a file',
    backend: { ...origin, url: 'https://www.museum.org/media/photos/harbour.jpg' },
    says: ["`url`: must be the address of a folder, not of a file; remove the file's name"],
    inWorker: true,
  },
  {
    title: 'a swapped order',
    vars: { FALLBACK_STORAGES: [legacy, r2], FALLBACK_DATA_MIGRATION: true },
    says: ['nothing can be copied: put a writable backend before the ones to migrate from'],
    inWorker: false,
    status: 'warning',
  },
  {
    title: 'copies, after the old storage was detached',
    vars: { FALLBACK_STORAGES: [r2], FALLBACK_DATA_MIGRATION: true },
    says: ['there is nothing to copy from: set FALLBACK_DATA_MIGRATION = false, or add a backend after it'],
    inWorker: false,
    status: 'warning',
  },
  {
    title: 'a swapped order without copies',
    vars: { FALLBACK_STORAGES: [legacy, r2] },
    says: ['legacy cannot be written to and is read first', 'put media first'],
    inWorker: false,
    status: 'warning',
  },
  {
    title: 'http instead of https',
    backend: { ...origin, url: 'http://www.museum.org/media/' },
    says: ['`url` begins with http://, so everything is sent unencrypted', 'write https://'],
    inWorker: false,
    status: 'warning',
  },
  {
    title: 'a path without its trailing slash',
    vars: { MEDIA_PATH: '/media' },
    says: ['MEDIA_PATH: must begin and end with "/"; write "/media/"'],
    inWorker: true,
  },
  {
    title: 'a prefix without its trailing slash',
    backend: { ...legacy, prefix: 'uploads' },
    says: ['the key of a.jpg is "uploadsa.jpg"', 'write "uploads/"'],
    inWorker: false,
    status: 'warning',
  },
  {
    title: 'an unknown key',
    backend: { ...legacy, regoin: 'eu-central-1' },
    says: ['`regoin`: is unknown; did you mean `region`?'],
    inWorker: true,
  },
  {
    title: 'a missing region',
    backend: { ...legacy, region: undefined },
    says: ['`region`: must be the region of the bucket for Amazon S3, e.g. "eu-central-1"'],
    inWorker: true,
  },
  {
    title: 'the bucket in the endpoint',
    backend: { ...legacy, endpoint: 'https://old-media.s3.eu-central-1.amazonaws.com' },
    says: ['`endpoint`: must be the address of the service without the bucket'],
    inWorker: true,
  },
  {
    title: 'the default KV id',
    vars: { FALLBACK_STORAGES: [r2, { type: 'kv', binding: 'MEDIA_KV' }, legacy] },
    file: { kv_namespaces: [{ binding: 'MEDIA_KV', id: 'media-kv' }] },
    says: ['the id "media-kv"', 'npx wrangler kv namespace create MEDIA_KV'],
    inWorker: false,
  },
]

/** The variables of the mistake. */
export function varsOf({ backend = legacy, vars }: BeginnersMistake): Record<string, unknown> {
  return { FALLBACK_STORAGES: [r2, backend], ...vars }
}
