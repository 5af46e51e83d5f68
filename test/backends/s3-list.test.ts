import { afterEach, describe, expect, it, vi } from 'vitest'
import { writeMarker } from '../../src/storage/tombstone-marker.ts'
import type { ObjectInfo } from '../../src/storage/object.ts'
import { startApp } from '../kit/app.ts'
import { bytesOf } from '../kit/fakes.ts'
import { fakeS3 } from '../kit/s3-fake.ts'
import { entry, listAnswer, scripted } from '../kit/s3-script.ts'

afterEach(() => void vi.restoreAllMocks())

describe('tombstones in listings of S3', () => {
  it('are marked, with where the copy came from that they replaced', async () => {
    const { backend } = fakeS3()
    const provenance = { backend: 'old', etag: '"v1"', copied: new Date('2026-01-02T03:04:05Z') }
    await writeMarker(backend, 'gone', { provenance })
    await writeMarker(backend, 'lifted', { lifted: true })
    await backend.put('there', bytesOf('x'), { info: { provenance } })
    const { objects } = await backend.list()
    expect(objects).toMatchObject([
      { name: 'gone', deleted: expect.any(Date), provenance },
      { name: 'lifted', deleted: expect.any(Date), lifted: true },
      { name: 'there', size: 1 },
    ])
    expect(objects[2]).not.toHaveProperty('provenance')
  })

  it('leave an object that may not be read as it is listed, because reads of it fail', async () => {
    const { backend } = scripted([listAnswer(entry('secret', 0)), new Response(null, { status: 403 })])
    expect((await backend.list()).objects).toMatchObject([{ name: 'secret', size: 0 }])
    const failing = scripted([listAnswer(entry('a', 0)), new Response(null, { status: 503 })])
    await expect(failing.backend.list()).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('end a page early that has more of them than there is time for, and no name is lost', async () => {
    const { backend } = fakeS3({}, { timeoutMs: 0 })
    const names = Array.from({ length: 23 }, (_, index) => `n${index + 10}`)
    for (const [index, name] of names.entries())
      await (index % 5 === 3 ? backend.put(name, bytesOf('x')) : writeMarker(backend, name))
    const found: ObjectInfo[] = []
    let cursor: string | undefined
    let pages = 0
    do {
      const page = await backend.list(cursor === undefined ? {} : { cursor })
      expect(page.objects).not.toHaveLength(0)
      found.push(...page.objects)
      cursor = page.cursor
      pages++
    } while (cursor !== undefined)
    expect(pages).toBeGreaterThan(2)
    expect(found.map(({ name }) => name)).toEqual(names)
    expect(found.filter(({ deleted }) => !deleted).map(({ size }) => size)).toEqual([1, 1, 1, 1])
  })

  it('are looked for during half of timeout_ms', async () => {
    let now = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => now)
    const names = Array.from({ length: 100 }, (_, index) => `n${index + 100}`)
    let heads = 0
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (_url, init) => {
      if (init?.method !== 'HEAD') return listAnswer(names.map((name) => entry(name, 0)).join(''))
      heads++
      now += 100
      return new Response(null, { headers: { 'Content-Length': '0' } })
    })
    const settings = { type: 's3', endpoint: 'https://s3.example.com', bucket: 'media', timeout_ms: 4000 }
    const [backend] = startApp({ FALLBACK_STORAGES: [settings] }).chain.backends
    const page = await backend?.list?.()
    expect(page?.cursor).toBeDefined()
    expect(page?.objects).toHaveLength(heads)
    expect(heads).toBeGreaterThanOrEqual(20)
    expect(heads).toBeLessThan(20 + 5)
  })

  it('end a page before the directories that follow', async () => {
    const there = () => new Response(null, { headers: { 'Content-Length': '0' } })
    const directories = ['b/', 'f1/', 'g/'].map(
      (name) => `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`,
    )
    const objects = ['a', 'c', 'd', 'e', 'f', 'f2'].map((name) => entry(name, 0))
    const answers = [listAnswer([...objects, ...directories].join('')), ...[1, 2, 3, 4, 5].map(there)]
    const { backend, sent } = scripted([...answers, listAnswer(entry('f2'))], { timeoutMs: 0 })
    const { cursor, ...page } = await backend.list({ delimiter: '/' })
    expect(page.objects.map(({ name }) => name)).toEqual(['a', 'c', 'd', 'e', 'f'])
    expect(page.directories).toEqual(['b/'])
    await backend.list({ delimiter: '/', ...(cursor !== undefined && { cursor }) })
    expect(sent.at(-1)?.url.searchParams.get('start-after')).toBe('f')
  })
})
