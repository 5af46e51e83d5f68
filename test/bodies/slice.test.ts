import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sliceBody } from '../../src/bodies/slice.ts'
import { chunked } from '../backends/conformance-fixtures.ts'

it('cuts any range out of any chunks', async () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(chunks, fc.nat(), fc.nat(), async (parts, a, b) => {
      const whole = Uint8Array.from(parts.flatMap((part) => [...part]))
      const [start, end] = [a % whole.length, b % whole.length].toSorted((x, y) => x - y)
      if (start === undefined || end === undefined) throw new Error('two bounds stay two')
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const part of parts) controller.enqueue(part)
          controller.close()
        },
      })
      const cut = new Uint8Array(await new Response(sliceBody(body, { start, end })).arrayBuffer())
      expect(cut).toEqual(whole.slice(start, end + 1))
    }),
  )
})

it('cancels the bytes after the range', async () => {
  const cancelled = Promise.withResolvers<boolean>()
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(100)),
    cancel: () => cancelled.resolve(true),
  })
  const cut = await new Response(sliceBody(endless, { start: 150, end: 349 })).arrayBuffer()
  expect(cut.byteLength).toBe(200)
  expect(await cancelled.promise).toBe(true)
})

it('cancels the source when its reader stops', async () => {
  const cancelled = Promise.withResolvers<boolean>()
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(100)),
    cancel: () => cancelled.resolve(true),
  })
  const reader = sliceBody(endless, { start: 0, end: 9999 }).getReader()
  await reader.read()
  await reader.cancel()
  expect(await cancelled.promise).toBe(true)
})

it('fails when the source ends before the range does', async () => {
  const cut = sliceBody(chunked('0123', '45'), { start: 2, end: 9 })
  await expect(new Response(cut).text()).rejects.toMatchObject({ code: 'corrupt' })
})
