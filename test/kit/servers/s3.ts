import { convertV4MiniflareOptions, Miniflare } from 'miniflare'

export const CREDENTIALS = { accessKeyId: 'LOCALKEY', secretAccessKey: 'local-secret/with+signs' }

/** The path of Miniflare's S3 endpoint below the URL of a Worker. */
export const S3_PATH = 'cdn-cgi/local/r2/s3'

export interface LocalS3 {
  /** Without a slash at the end. */
  readonly endpoint: string
  /** The Worker that the buckets are bound to. */
  readonly url: URL
  close(): Promise<void>
}

export interface LocalS3Options {
  /** The Worker's code. Default: it answers 404. */
  script?: string
  /** Where the buckets are stored. Default: in memory. */
  persistTo?: string
}

/** Wrangler's local S3 endpoint with empty buckets; it checks SigV4 signatures. */
export async function startS3(
  buckets: readonly string[],
  {
    script = 'export default { fetch: () => new Response(null, { status: 404 }) }',
    persistTo,
  }: LocalS3Options = {},
): Promise<LocalS3> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      compatibilityDate: '2026-10-01',
      modules: true,
      script,
      r2Buckets: Object.fromEntries(buckets.map((id) => [id, { id, s3Credentials: CREDENTIALS }])),
      ...(persistTo !== undefined && { resourcePersistencePath: persistTo }),
    }),
  )
  const url = await miniflare.ready
  return { endpoint: new URL(S3_PATH, url).href, url, close: () => miniflare.dispose() }
}
