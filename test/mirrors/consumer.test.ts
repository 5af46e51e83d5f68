import { expect, it } from 'vitest'
import { consumeChanges } from '../../src/mirrors/consumer.ts'
import { openMirrors } from '../../src/mirrors/mirrors.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'
import { messageOf, ownLog, passTime, rowsOf } from './kit.ts'

/** A change of `a` in `new`, and a consumer with these backends. */
async function changed() {
  const { namespace, log } = ownLog()
  const [primary, old] = [memoryBackend('new'), memoryBackend('old')]
  await primary.put('a', bytesOf('x'))
  await log().settle((await log().begin('a', ['old'])) ?? 0, 'a', ['old'])
  const consume = async (...backends: Backend[]): Promise<void> => {
    const mirrors = openMirrors(backends, {
      namespace: namespace as DurableObjectNamespace,
      tombstones: true,
    })
    if (mirrors) await consumeChanges([messageOf('a')], mirrors)
  }
  return { log: log(), primary, old, consume }
}

it('a change is mirrored even if the version before, which had other mirrors, gets its message', async () => {
  const { log, primary, old, consume } = await changed()
  await consume(old, { ...primary, mirror: 'all' })
  await passTime(log)
  await consume(primary, { ...old, mirror: 'all' })
  expect(await textOf(await old.get('a'))).toBe('x')
})

it('the changes for what is no mirror any more are forgotten after some minutes', async () => {
  const { log, primary, old, consume } = await changed()
  await consume(primary, old)
  await passTime(log)
  await consume(primary, old)
  expect(await rowsOf(log)).toEqual([])
})
