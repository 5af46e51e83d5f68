import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'

// If Vitest captured these lines, the run would not end after this file: see test/vitest.config.ts.
it('a Durable Object may still log after the last test of a file', async () => {
  const index = env.JOB_INDEX.getByName('late')
  let lines = 0
  await runInDurableObject(index, (_, state) => {
    state.waitUntil(
      (async () => {
        for (; lines < 200; lines++) {
          await scheduler.wait(2)
          // oxlint-disable-next-line no-console
          console.info('late')
        }
      })(),
    )
  })
  expect(lines).toBeLessThan(200)
})
