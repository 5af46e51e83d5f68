import { env } from 'cloudflare:workers'
import { reset } from 'cloudflare:test'
import { afterEach } from 'vitest'
import { kvBackend } from '../../src/backends/kv.ts'
import { describeBackend } from './conformance.ts'

afterEach(() => reset())

describeBackend('the KV backend', async () => kvBackend('media-kv', env.MEDIA_KV), {
  writable: true,
  listable: true,
  conditional: true,
  multipart: false,
})
