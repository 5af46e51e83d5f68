import { expect, it } from 'vitest'
import { drip } from '../kit/origin/spoil.ts'
import { bytesOf, describeEachSource, LARGE, SMALL } from './each-source.ts'

interface Result {
  results: { name: string; outcome: string; error?: string }[]
}

describeEachSource('copies on request', (the) => {
  const migrate = (names: string[], init: RequestInit = {}): Promise<Response> =>
    the.site.call('/-/api/migrate', { method: 'POST', body: JSON.stringify({ names }), ...init })

  it('end within the request, large objects included', async () => {
    const { site, source } = the
    await source.add('now-small.bin', SMALL)
    await source.add('now-large.bin', LARGE)
    const response = await migrate(['now-large.bin', 'now-small.bin', 'now-none.bin'])
    expect(((await response.json()) as Result).results).toEqual([
      { name: 'now-large.bin', outcome: 'copied' },
      { name: 'now-small.bin', outcome: 'copied' },
      { name: 'now-none.bin', outcome: 'absent' },
    ])
    expect((await site.stored('now-large.bin', 0)).equals(LARGE)).toBe(true)
    expect((await site.stored('now-small.bin', 0)).equals(SMALL)).toBe(true)
  })

  // Beside other tests, only a test's own `expect` polls.
  it('complete even if the client disconnects', async ({ expect }) => {
    const { site, source } = the
    await source.add('left.bin', SMALL)
    await source.set('left.bin', drip(SMALL.length / 1.5))
    const controller = new AbortController()
    const left = migrate(['left.bin'], { signal: controller.signal }).catch((error: Error) => error.message)
    await expect.poll(() => source.requests('left.bin')).toContain('GET')
    controller.abort()
    expect(await left).toContain('aborted')
    expect((await site.stored('left.bin')).equals(SMALL)).toBe(true)
  })

  it('are not made by previews, which have the same bytes', async () => {
    const { site, source } = the
    await source.add('shown.bin', SMALL)
    const shown = await site.call('/-/api/preview/shown.bin')
    expect((await bytesOf(shown)).equals(SMALL)).toBe(true)
    const part = await site.call('/-/api/preview/shown.bin', { headers: { Range: 'bytes=1000-1999' } })
    expect((await bytesOf(part)).equals(SMALL.subarray(1000, 2000))).toBe(true)
    expect(site.copies('shown.bin')).toEqual([])
    expect(await site.bucket.head('shown.bin')).toBeNull()
  })
})
