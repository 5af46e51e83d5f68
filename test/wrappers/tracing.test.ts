import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { type Tracer, withTracing } from '../../src/wrappers/tracing.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'

function recorder(spans: string[]): Tracer {
  return {
    enterSpan: (name, callback) =>
      callback({ setAttribute: (_key, value) => void spans.push(`${name} ${value}`) }),
  }
}

describe('withTracing()', () => {
  it('makes a span for each operation, with the name of the backend', async () => {
    const spans: string[] = []
    const backend = withTracing(memoryBackend('media'), recorder(spans))
    await backend.put?.('a', bytesOf('x'))
    expect(await textOf(await backend.get('a'))).toBe('x')
    await backend.head('a')
    await backend.list?.()
    await backend.delete?.('a')
    const methods = spans.map((span) => span.replace('fallback-storage.', ''))
    expect(methods).toEqual(['put media', 'get media', 'head media', 'list media', 'delete media'])
  })

  it.each([
    ['a request that is traced', { isTraced: true }, ['fallback-storage.get media']],
    ['a request that is not', { isTraced: false }, []],
    ['what belongs to no request', undefined, []],
  ])('makes the spans of %s', async (_what, active, expected) => {
    const spans: string[] = []
    const backend = withTracing(memoryBackend('media'), { ...recorder(spans), getActiveSpan: () => active })
    await backend.get('a')
    expect(spans).toEqual(expected)
  })
})
