import { reset } from 'cloudflare:test'
import { beforeAll } from 'vitest'

/** Runs before each test file in workerd: files share a runtime, so each begins by emptying its R2, KV and Durable Objects. */
beforeAll(() => reset())
