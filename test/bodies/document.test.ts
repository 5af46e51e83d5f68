import { describe, expect, it } from 'vitest'
import { withDocument } from '../../src/bodies/document.ts'
import { isolateMemory } from '../../src/bodies/memory-budget.ts'
import { startApp } from '../kit/app.ts'
import { BUCKET, startS3 } from '../kit/s3-client.ts'

const KIB = 1024

/** What is free, in steps of a KiB. */
function freeKib(): number {
  let [least, most] = [0, isolateMemory.total / KIB]
  while (least < most) {
    const middle = Math.ceil((least + most) / 2)
    const held = isolateMemory.tryReserve(middle * KIB)
    held?.release()
    if (held) least = middle
    else most = middle - 1
  }
  return least
}

const bodyOf = (bytes: number) => new Blob([new Uint8Array(bytes)]).stream()
const tooLarge = () => new Error('too large')

describe('a document that is parsed', () => {
  it.each([
    ['of known length', 100 * KIB, 4 * 100],
    ['of unknown length, which may be as long as allowed', undefined, 4 * 256],
  ])('takes four times its bytes from the budget until it is done: %s', async (_, size, kib) => {
    const before = freeKib()
    const options = { size, maxBytes: 256 * KIB, tooLarge }
    const during = await withDocument(bodyOf(100 * KIB), options, async (bytes) => {
      expect(bytes).toHaveLength(100 * KIB)
      return freeKib()
    })
    expect([before - during, freeKib()]).toEqual([kib, before])
  })

  it('takes what has arrived, and only then, where it may have 128 KiB at most', async () => {
    const before = freeKib()
    const { readable, writable } = new IdentityTransformStream()
    const writer = writable.getWriter()
    const options = { size: undefined, maxBytes: 128 * KIB, tooLarge }
    const during = withDocument(readable, options, async () => freeKib())
    await writer.write(new Uint8Array(20 * KIB))
    expect(freeKib()).toBe(before)
    await Promise.all([writer.write(new Uint8Array(40 * KIB)), writer.close()])
    expect([before - (await during), freeKib()]).toEqual([4 * 60, before])
  })

  it.each([256 * KIB, 128 * KIB])(
    'is refused without memory if it has more than %i bytes',
    async (maxBytes) => {
      const all = await isolateMemory.reserve(isolateMemory.total)
      const options = { size: maxBytes + 1, maxBytes, tooLarge }
      await expect(withDocument(bodyOf(maxBytes + 1), options, async () => 'used')).rejects.toThrow(
        'too large',
      )
      all.release()
    },
  )

  it('takes nothing if it is small', async () => {
    const before = freeKib()
    const options = { size: undefined, maxBytes: 256 * KIB, tooLarge }
    expect(await withDocument(bodyOf(16 * KIB), options, async () => freeKib())).toBe(before)
  })

  it.each([0, 10, 100 * KIB])('fails if it has more than %i bytes', async (maxBytes) => {
    const before = freeKib()
    const use = async () => 'used'
    await expect(
      withDocument(bodyOf(maxBytes + 1), { size: undefined, maxBytes, tooLarge }, use),
    ).rejects.toThrow('too large')
    expect(await withDocument(bodyOf(maxBytes), { size: undefined, maxBytes, tooLarge }, use)).toBe('used')
    expect(freeKib()).toBe(before)
  })

  it('is refused with 503 where there is no memory for it: JSON and XML', async () => {
    const all = await isolateMemory.reserve(isolateMemory.total)
    try {
      const { post } = startApp()
      const names = Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(400, 'a'))
      const { s3 } = startS3()
      const body = `<Delete>${names.map((name) => `<Object><Key>${name}</Key></Object>`).join('')}</Delete>`
      const digest = await crypto.subtle.digest('MD5', new TextEncoder().encode(body))
      const headers = { 'content-md5': new Uint8Array(digest).toBase64() }
      const [json, xml] = await Promise.all([
        post('exists', { names }),
        s3('POST', `/${BUCKET}`, { query: { delete: '' }, headers, body }),
      ])
      expect([json.status, xml.status, await xml.text()]).toEqual([
        503,
        503,
        expect.stringContaining('SlowDown'),
      ])
      expect((await post('exists', { names: ['a'] })).status).toBe(200)
    } finally {
      all.release()
    }
  })
})
