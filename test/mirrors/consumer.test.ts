import { expect, it } from 'vitest'
import { consumeChanges } from '../../src/mirrors/consumer.ts'
import { openMirrors } from '../../src/mirrors/mirrors.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'
import { messageOf, ownLog, passTime } from './kit.ts'

it('a change is mirrored even if the version before, which had other mirrors, gets its message', async () => {
  const { namespace, log } = ownLog()
  const [primary, old] = [memoryBackend('new'), memoryBackend('old')]
  const consume = async (...backends: Backend[]): Promise<void> => {
    const options = { namespace: namespace as DurableObjectNamespace, tombstones: true }
    const mirrors = openMirrors(backends, options)
    if (mirrors) await consumeChanges([messageOf('a')], mirrors)
  }
  await primary.put('a', bytesOf('x'))
  await log().settle((await log().begin('a', ['old'])) ?? 0, 'a', ['old'])
  await consume(old, { ...primary, mirror: 'all' })
  await passTime(log())
  await consume(primary, { ...old, mirror: 'all' })
  expect(await textOf(await old.get('a'))).toBe('x')
})
