import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll } from 'vitest'
import { isolateMemory } from '../../src/bodies/memory-budget.ts'
import { showLogOfFailedTests } from './worker-log.ts'

const TRIES = 10

showLogOfFailedTests()

/**
 * Runs before each test file in workerd: files share a runtime, so each begins by emptying its R2, KV and Durable Objects.
 * A write that a test of the file before left behind may still land after that.
 */
beforeAll(async () => {
  forgetBodies()
  for (let tries = 0; tries < TRIES; tries++) {
    await reset()
    const { objects } = await env.MEDIA.list({ limit: 1 })
    const { keys } = await env.MEDIA_KV.list({ limit: 1 })
    if (objects.length === 0 && keys.length === 0) return
  }
  throw new Error('R2 or KV still has objects of another test file')
})

/** The bodies that the file before neither read nor cancelled: their memory is free again, as it would be after five minutes. */
function forgetBodies(): void {
  const { now } = Date
  Date.now = () => now() + 600_000
  isolateMemory.tryReserve(isolateMemory.total)?.release()
  Date.now = now
}
