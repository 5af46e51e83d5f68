import { convertV4MiniflareOptions, Miniflare } from 'miniflare'

export const CREDENTIALS = { accessKeyId: 'LOCALKEY', secretAccessKey: 'local-secret/with+signs' }

export interface LocalS3 {
  /** Without a slash at the end. */
  readonly endpoint: string
  close(): Promise<void>
}

/** Wrangler's local S3 endpoint with empty buckets; it checks SigV4 signatures. */
export async function startS3(buckets: readonly string[]): Promise<LocalS3> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      compatibilityDate: '2026-10-01',
      modules: true,
      script: 'export default { fetch: () => new Response(null, { status: 404 }) }',
      r2Buckets: Object.fromEntries(buckets.map((id) => [id, { id, s3Credentials: CREDENTIALS }])),
    }),
  )
  return {
    endpoint: new URL('/cdn-cgi/local/r2/s3', await miniflare.ready).href,
    close: () => miniflare.dispose(),
  }
}
