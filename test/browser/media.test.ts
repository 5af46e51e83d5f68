import { readFile, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startStack, type Stack } from '../../demo/stack.ts'
import { CHROMIUM } from './chromium.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { longFilm, mediaFolder, mediaUrl, untilMigrated, type MediaFolder } from '../kit/servers/media.ts'

let media: MediaFolder
let state: string
let stack: Stack
let browser: Browser
let pages: Server
let siteUrl: string

beforeAll(async () => {
  media = await mediaFolder()
  await media.add('video/long.mp4', await longFilm())
  state = await mkdtemp(join(tmpdir(), 'state-'))
  // Only a chain that begins with KV saves into KV: this one does, for the next one.
  const seeding = await startStack({ chain: ['kv'], persistTo: state })
  await save(seeding, 'photos/in-kv.jpg')
  await seeding.stop()
  stack = await startStack({ media: media.path, persistTo: state })
  await save(stack, 'photos/in-r2.jpg')
  browser = await chromium.launch(CHROMIUM)
  pages = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8').end('<!doctype html><title>a site</title>')
  })
  siteUrl = await listen(pages)
})

afterAll(async () => {
  await browser?.close()
  if (pages) await close(pages)
  await stack?.stop()
  await media?.remove()
  if (state) await rm(state, { recursive: true, force: true, maxRetries: 3 })
})

async function save({ worker, token }: Stack, name: string): Promise<void> {
  const response = await fetch(mediaUrl(worker.url, name), {
    method: 'PUT',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'image/jpeg' },
    body: await readFile(media.file('photos/photo (1).jpg')),
  })
  if (response.status !== 201) throw new Error(`PUT ${name}: ${response.status} ${await response.text()}`)
}

/** A new page of another site, with an empty cache of its own. */
async function withPage<T>(visit: (page: Page) => Promise<T>, url?: string): Promise<T> {
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    await page.goto(url ?? siteUrl)
    return await visit(page)
  } finally {
    await context.close()
  }
}

interface Shown {
  width: number
  height: number
  cacheStatus: string | undefined
  etag: string | undefined
}

function showImage(url: string): Promise<Shown> {
  return withPage(async (page) => {
    const answered = page.waitForResponse(url)
    const size = await page.evaluate(async (src) => {
      const img = document.createElement('img')
      img.src = src
      document.body.append(img)
      await img.decode()
      return { width: img.naturalWidth, height: img.naturalHeight }
    }, url)
    const headers = (await answered).headers()
    return { ...size, cacheStatus: headers['cache-status'], etag: headers['etag'] }
  })
}

describe('<img>', () => {
  it.each([
    { name: 'photos/in-r2.jpg', from: 'hit; detail=media', width: 720, height: 480 },
    { name: 'photos/in-kv.jpg', from: 'fwd=uri-miss; stored; detail=media_kv', width: 720, height: 480 },
    { name: 'photos/photo (1).jpg', from: 'fwd=uri-miss; stored; detail=legacy', width: 720, height: 480 },
    { name: 'photos/sun.png', from: 'fwd=uri-miss; stored; detail=legacy', width: 192, height: 192 },
    {
      name: 'photos/2024/fractal.webp',
      from: 'fwd=uri-miss; stored; detail=legacy',
      width: 640,
      height: 426,
    },
    { name: 'graphics/pulse.gif', from: 'fwd=uri-miss; stored; detail=legacy', width: 96, height: 96 },
    { name: 'graphics/logo.svg', from: 'fwd=uri-miss; stored; detail=legacy', width: 240, height: 80 },
  ])('shows $name, first with "$from", then from the primary', async ({ name, from, width, height }) => {
    const url = mediaUrl(stack.worker.url, name)
    const first = await showImage(url)
    expect(first).toMatchObject({ width, height, cacheStatus: `fallback-storage; ${from}` })
    await untilMigrated(url)
    const then = await showImage(url)
    expect(then).toEqual({
      width,
      height,
      cacheStatus: 'fallback-storage; hit; detail=media',
      etag: first.etag,
    })
  })
})

interface Played {
  duration: number
  soughtTo: number
  playedTo: number
  /** The `Content-Range` of each response. */
  ranges: (string | undefined)[]
}

function playFromMiddle(url: string): Promise<Played> {
  return withPage(async (page) => {
    const ranges: (string | undefined)[] = []
    page.on('response', (response) => ranges.push(response.headers()['content-range']))
    const played = await page.evaluate(async (src) => {
      const video = document.createElement('video')
      const event = (type: string) =>
        new Promise((resolve, reject) => {
          video.addEventListener(type, resolve, { once: true })
          video.addEventListener('error', () => reject(new Error(video.error?.message ?? 'cannot play')), {
            once: true,
          })
        })
      const loaded = event('loadedmetadata')
      video.muted = true
      video.src = src
      document.body.append(video)
      await loaded
      const sought = event('seeked')
      video.currentTime = video.duration / 2
      await sought
      const soughtTo = video.currentTime
      await video.play()
      while (video.currentTime < soughtTo + 1) await event('timeupdate')
      return { duration: video.duration, soughtTo, playedTo: video.currentTime }
    }, url)
    return { ...played, ranges }
  })
}

describe('<video>', () => {
  it.each(['video/testcard.mp4', 'video/testcard (moov at end).mp4', 'video/long.mp4'])(
    'plays %s on from its middle, before and after migration',
    async (name) => {
      const url = mediaUrl(stack.worker.url, name)
      for (const phase of ['before', 'after']) {
        if (phase === 'after') await untilMigrated(url)
        const { duration, soughtTo, playedTo, ranges } = await playFromMiddle(url)
        expect(duration, phase).toBeCloseTo(8, 1)
        expect(soughtTo, phase).toBeCloseTo(4, 1)
        expect(playedTo, phase).toBeGreaterThanOrEqual(soughtTo + 1)
        expect(ranges.filter(Boolean), phase).not.toHaveLength(0)
      }
    },
  )

  it('reaches an index 24 MiB away with a range of its own', async () => {
    const { ranges } = await playFromMiddle(mediaUrl(stack.worker.url, 'video/long.mp4'))
    const starts = ranges.map((range) => Number(/^bytes (\d+)-/.exec(range ?? '')?.[1] ?? 0))
    expect(Math.max(...starts)).toBeGreaterThan(24 * 1024 * 1024)
  })
})

describe('fetch', () => {
  it('gets the part that Range names, and with HEAD only the size', async () => {
    const url = mediaUrl(stack.worker.url, 'audio/chime.mp3')
    const expected = await readFile(media.file('audio/chime.mp3'))
    const answers = await withPage(
      (page) =>
        page.evaluate(async (src) => {
          const part = await fetch(src, { headers: { Range: 'bytes=100-149' } })
          const head = await fetch(src, { method: 'HEAD', cache: 'no-store' })
          return {
            part: {
              status: part.status,
              range: part.headers.get('content-range'),
              bytes: [...new Uint8Array(await part.arrayBuffer())],
            },
            head: {
              status: head.status,
              length: head.headers.get('content-length'),
              body: await head.text(),
            },
          }
        }, url),
      `${stack.worker.url}-/health`,
    )
    expect(answers).toEqual({
      part: {
        status: 206,
        range: `bytes 100-149/${expected.length}`,
        bytes: [...expected.subarray(100, 150)],
      },
      head: { status: 200, length: String(expected.length), body: '' },
    })
  })
})
