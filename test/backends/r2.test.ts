import { env } from 'cloudflare:workers'
import { reset } from 'cloudflare:test'
import { afterEach } from 'vitest'
import { r2Backend } from '../../src/backends/r2.ts'
import { describeBackend } from './conformance.ts'

afterEach(() => reset())

describeBackend('the R2 backend', async () => r2Backend('media', env.MEDIA), {
  writable: true,
  listable: true,
  conditional: true,
  multipart: true,
})
