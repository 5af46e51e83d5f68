import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../kit/eventually.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { type Site, startSite, type SiteOptions } from '../kit/worker/site.ts'

const open: { close(): Promise<unknown> }[] = []
afterAll(() => Promise.all(open.splice(0).map((each) => each.close())))

const R2 = { type: 'r2', binding: 'MEDIA' }

async function start(options: Partial<SiteOptions> = {}): Promise<Site> {
  const { storages = [R2], vars, ...rest } = options
  const site = await startSite({
    storages,
    vars: { FALLBACK_DATA_MIGRATION: 'false', MEDIA_EDGE_CACHE_SECONDS: '60', ...vars },
    ...rest,
  })
  open.push(site)
  return site
}

const HIT = /^fallback-storage-edge; hit; ttl=\d+$/

async function untilHit(site: Site, path: string): Promise<Response> {
  return eventually(
    () => `an edge hit of ${path}`,
    async () => {
      const response = await site.fetch(path)
      if (HIT.test(response.headers.get('Cache-Status') ?? '')) return response
      await response.arrayBuffer()
      return null
    },
  )
}

describe('the Cache API over sockets', () => {
  it('sends hits of every size whole and with their length, whoever stalls or leaves', async () => {
    const site = await start()
    for (const size of [0, 1, 4096, 3_000_000]) {
      await site.bucket.put(`${size}.bin`, new Uint8Array(size).fill(97))
      const stalled = await site.open(`${size}.bin`)
      const gone = await site.open(`${size}.bin`)
      gone.destroy()
      const hit = await untilHit(site, `${size}.bin`)
      expect(hit.headers.get('Content-Length')).toBe(`${size}`)
      expect((await hit.arrayBuffer()).byteLength).toBe(size)
      let received = 0
      for await (const chunk of stalled) received += (chunk as Buffer).length
      expect(received).toBe(size)
    }
  })

  it('keeps nothing of a change: what is read after a PUT or DELETE is never older', async () => {
    const site = await start()
    for (let round = 0; round < 20; round++) {
      const readers = Array.from({ length: 4 }, async () => (await site.fetch('a.txt')).text())
      await site.call('a.txt', { method: 'PUT', body: `${round}` })
      expect(await (await site.fetch('a.txt')).text()).toBe(`${round}`)
      await Promise.all(readers)
      expect(await (await site.fetch('a.txt')).text()).toBe(`${round}`)
      await sleep((round % 5) * 40)
    }
    await site.call('a.txt', { method: 'DELETE' })
    expect((await site.fetch('a.txt')).status).toBe(404)
  })
})

describe('the way through the entrypoint of Workers Cache', () => {
  it('gives the same answers as without it', async () => {
    const vias: (string | undefined)[] = []
    const server = createServer((request, response) => {
      vias.push(request.headers['fallback-storage-via'] as string | undefined)
      if (request.url === '/old.jpg') response.setHeader('ETag', '"v1"').end('from the origin')
      else response.writeHead(request.url === '/broken.jpg' ? 500 : 404).end()
    })
    const url = await listen(server)
    open.push({ close: () => close(server) })
    const storages = [R2, { type: 'http', name: 'old', url }]
    const forgetful = {
      FALLBACK_BREAKER_FAILURES: '0',
      FALLBACK_NEGATIVE_CACHE_SECONDS: '0',
      FALLBACK_SPECULATIVE_PERCENT: '0',
    }
    const plain = await start({ storages, vars: { ...forgetful, MEDIA_EDGE_CACHE_SECONDS: '0' } })
    const through = await start({ storages, vars: forgetful, entry: 'test/edge-cache/loopback-worker.ts' })
    for (const site of [plain, through])
      for (const size of [0, 5, 300_000])
        await site.bucket.put(`${size}.bin`, new Uint8Array(size).fill(97), {
          customMetadata: { 'fallback-storage-etag': `"${size}"`, who: 'ü' },
        })
    const describeAnswer = async (site: Site, path: string, headers: Record<string, string>) => {
      const response = await site.fetch(path, { headers })
      const {
        date: _,
        'last-modified': modified,
        'server-timing': timing,
        ...rest
      } = Object.fromEntries(response.headers)
      const tried = timing?.replaceAll(/dur=[\d.]+/g, '')
      return { status: response.status, rest, tried, modified: typeof modified, body: await response.text() }
    }
    for (const path of ['0.bin', '5.bin', '300000.bin', 'old.jpg', 'missing.jpg', 'broken.jpg'])
      for (const headers of [{}, { 'If-None-Match': '"v1"' }, { 'If-Match': '"other"' }])
        expect(await describeAnswer(through, path, headers), path).toEqual(
          await describeAnswer(plain, path, headers),
        )
    // The entrypoint counts as no further deployment.
    for (const via of vias) expect(via).toMatch(/^[0-9a-f]{8}$/)
    // Without Workers Cache there is nothing to purge.
    expect((await through.call('new.txt', { method: 'PUT', body: 'x' })).status).toBe(201)
    const purged = await through.call('-/api/cache/purge', { method: 'POST', body: '{"prefix":""}' })
    expect([purged.status, await purged.json()]).toEqual([200, { prefix: '', reach: 'everywhere' }])
  })

  it('refuses a Worker that is its own fallback', async () => {
    let target = ''
    const server = createServer((request, response) => {
      const headers = { 'Fallback-Storage-Via': request.headers['fallback-storage-via'] as string }
      void fetch(target + (request.url ?? '').slice(1), { headers }).then(async (answer) => {
        response.writeHead(answer.status).end(await answer.text())
      })
    })
    const url = await listen(server)
    open.push({ close: () => close(server) })
    const site = await start({
      storages: [R2, { type: 'http', name: 'itself', url }],
      entry: 'test/edge-cache/loopback-worker.ts',
    })
    target = site.url
    expect((await site.fetch('a.jpg')).status).toBe(508)
  })
})
