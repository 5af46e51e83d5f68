import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../../src/backends/memory.ts'
import { withTracing } from '../../src/backends/wrappers/tracing.ts'
import { bytesOf, textOf } from './fakes.ts'

describe('withTracing()', () => {
  it('makes a span of each operation, bearing the name of the backend', async () => {
    const spans: string[] = []
    const backend = withTracing(memoryBackend('media'), (name, callback) =>
      callback({ setAttribute: (_key, value) => void spans.push(`${name} ${value}`) }),
    )
    await backend.put?.('a', bytesOf('x'))
    expect(await textOf(await backend.get('a'))).toBe('x')
    await backend.head('a')
    await backend.list?.()
    await backend.delete?.('a')
    const methods = spans.map((span) => span.replace('fallback-storage.', ''))
    expect(methods).toEqual(['put media', 'get media', 'head media', 'list media', 'delete media'])
  })
})
