import { AwsClient } from 'aws4fetch'
import { createServer } from 'node:http'
import { encodeName } from '../../../src/storage/name.ts'
import { forward } from '../../kit/servers/forward.ts'
import { close, listen } from '../../kit/servers/listen.ts'
import { CREDENTIALS as FALLBACK, startS3 } from '../../kit/servers/s3.ts'
import { startTlsProxy } from '../../kit/servers/tls.ts'
import { startSite, type Site } from '../../kit/worker/site.ts'
import type { Store } from './seeds.ts'

export const BUCKET = 'media'
export const CREDENTIALS = { accessKeyId: 'client', secretAccessKey: 'client-secret/with+signs' }

export interface S3Site {
  site: Site
  entrances: Record<'plain' | 'tls' | 'path', { endpoint: string; caFile?: string }>
  /** Stores each second object in the fallback only, if there is one. */
  store: Store
  /** Whether the fallback answers every request with 500. */
  failFallback(fails: boolean): void
  close(): Promise<void>
}

/** The Worker with the S3 API, at a hostname of its own and below the media's path, with and without TLS. */
export async function startS3Site({ fallback = false } = {}): Promise<S3Site> {
  const legacy = fallback ? await startLegacy() : undefined
  const site = await startSite({
    storages: [
      { type: 'r2', binding: 'MEDIA' },
      ...(legacy
        ? [{ type: 's3', name: 'legacy', endpoint: legacy.endpoint, bucket: 'legacy', credentials: 'LEGACY' }]
        : []),
    ],
    direct: true,
    vars: {
      LEGACY_ACCESS_KEY_ID: FALLBACK.accessKeyId,
      LEGACY_SECRET_ACCESS_KEY: FALLBACK.secretAccessKey,
      S3_BUCKET: BUCKET,
      S3_HOST: 'localhost',
      S3_KEYS: JSON.stringify([
        {
          access_key_id: CREDENTIALS.accessKeyId,
          secret_access_key: CREDENTIALS.secretAccessKey,
          scopes: ['write'],
        },
      ]),
    },
  })
  const { port } = new URL(site.url)
  const tls = await startTlsProxy(Number(port))
  const client = new AwsClient({ ...FALLBACK, service: 's3', region: 'auto' })
  return {
    site,
    entrances: {
      plain: { endpoint: `http://localhost:${port}` },
      tls: { endpoint: `https://localhost:${tls.port}`, caFile: tls.caFile },
      path: { endpoint: `https://127.0.0.1:${tls.port}/-/s3`, caFile: tls.caFile },
    },
    async store(key, body, index) {
      if (!legacy || index % 2 === 0) return site.bucket.put(key, body)
      const answer = await client.fetch(`${legacy.endpoint}/legacy/${encodeName(key)}`, {
        method: 'PUT',
        body,
      })
      if (!answer.ok) throw new Error(`PUT ${key}: ${answer.status} ${await answer.text()}`)
    },
    failFallback: (fails) => legacy?.fail(fails),
    async close() {
      await tls.close()
      await site.close()
      await legacy?.close()
    },
  }
}

/** A bucket behind a proxy that can fail. */
async function startLegacy() {
  const s3 = await startS3(['legacy'])
  const upstream = new URL(s3.endpoint)
  let failing = false
  const proxy = createServer((request, response) => {
    if (failing) return void response.writeHead(500).end()
    forward(request, response, upstream)
  })
  const url = await listen(proxy)
  return {
    endpoint: new URL(upstream.pathname, url).href,
    fail: (fails: boolean) => void (failing = fails),
    async close() {
      await close(proxy)
      await s3.close()
    },
  }
}
