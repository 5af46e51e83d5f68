import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import type { TestProject } from 'vitest/node'
import { startVerbatimServer } from './verbatim-server.ts'
import { BUCKETS } from '../s3/provided.ts'

/** Wrangler's local S3 endpoint, which checks SigV4 signatures, for the tests that run inside a Worker. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const credentials = { accessKeyId: 'LOCALKEY', secretAccessKey: 'local-secret/with+signs' }
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      compatibilityDate: '2026-10-01',
      modules: true,
      script: 'export default { fetch: () => new Response(null, { status: 404 }) }',
      r2Buckets: Object.fromEntries(BUCKETS.map((id) => [id, { id, s3Credentials: credentials }])),
    }),
  )
  const address = await miniflare.ready
  project.provide('s3', {
    flavour: 'r2',
    endpoint: new URL('/cdn-cgi/local/r2/s3', address).href,
    region: 'auto',
    credentials,
  })
  const verbatim = await startVerbatimServer()
  project.provide('verbatim', verbatim.url)
  return async () => {
    verbatim.stop()
    await miniflare.dispose()
  }
}
