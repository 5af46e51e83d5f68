import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { fill, media, mediaKv, startApp } from '../kit/app.ts'
import { bytesOf } from '../kit/fakes.ts'

afterEach(() => reset())

const FORM = 'application/x-www-form-urlencoded'
const put = (type?: string): RequestInit => ({
  method: 'PUT',
  body: bytesOf('x'),
  ...(type !== undefined && { headers: { 'Content-Type': type } }),
})

function app() {
  const { call } = startApp()
  const typeOf = async (path: string, init?: RequestInit): Promise<string | null> => {
    const response = await call(path, init)
    await response.body?.cancel()
    return response.headers.get('Content-Type')
  }
  const stored = async (name: string) => (await media.head(name))?.contentType
  return { call, typeOf, stored }
}

describe('an upload', () => {
  it.each([
    ['no type', undefined],
    ['the type that curl --data-binary sends', FORM],
    ['a form’s type with a parameter', `${FORM}; charset=UTF-8`],
    ['a form’s type in capitals', FORM.toUpperCase()],
  ])('with %s is stored under the type of its name’s extension', async (_, type) => {
    const { call, stored, typeOf } = app()
    expect((await call('/photos/harbour.jpg', put(type))).status).toBe(201)
    expect(await stored('photos/harbour.jpg')).toBe('image/jpeg')
    expect(await typeOf('/photos/harbour.jpg')).toBe('image/jpeg')
  })

  it('through save is, too', async () => {
    const { call, stored } = app()
    expect((await call('/-/api/save/film.MP4', { ...put(), method: 'POST' })).status).toBe(201)
    expect(await stored('film.MP4')).toBe('video/mp4')
  })

  it.each(['image/png', 'application/octet-stream', 'text/plain; charset=latin1'])(
    'keeps the type %s that it comes with',
    async (type) => {
      const { call, stored } = app()
      await call('/harbour.jpg', put(type))
      expect(await stored('harbour.jpg')).toBe(type)
    },
  )

  it('with an unknown extension keeps the type that it was sent with', async () => {
    const { call, stored } = app()
    await call('/data.unheard-of', put(FORM))
    await call('/plain', put())
    expect([await stored('data.unheard-of'), await stored('plain')]).toEqual([FORM, undefined])
  })
})

describe('an object without a type', () => {
  it('is read under the type of its name’s extension', async () => {
    const { typeOf } = app()
    await fill(media, { 'a/harbour.jpg': 'x' })
    expect(await typeOf('/a/harbour.jpg')).toBe('image/jpeg')
    expect(await typeOf('/a/harbour.jpg', { method: 'HEAD' })).toBe('image/jpeg')
    expect(await typeOf('/-/api/open/a/harbour.jpg')).toBe('image/jpeg')
    expect(await typeOf('/a/harbour.jpg', { headers: { Range: 'bytes=0-0' } })).toBe('image/jpeg')
  })

  it('has no type if the extension is unknown', async () => {
    const { typeOf } = app()
    await fill(media, { jpg: 'x' })
    await fill(media, { 'a.jpg/b': 'x' })
    expect([await typeOf('/jpg'), await typeOf('/a.jpg/b')]).toEqual([null, null])
  })

  it.each(['page.html', 'drawing.svg', 'feed.xml', 'unheard.of'])(
    'cannot run as the site: %s',
    async (name) => {
      const { call } = app()
      await fill(media, { [name]: '<script>alert(1)</script>' })
      const response = await call(`/${name}`)
      await response.body?.cancel()
      expect(response.headers.get('Content-Security-Policy')).toBe('sandbox')
      expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff')
    },
  )

  it('is not sandboxed if its extension is harmless', async () => {
    const { call } = app()
    await fill(media, { 'manual.pdf': 'x' })
    const response = await call('/manual.pdf')
    await response.body?.cancel()
    expect(response.headers.get('Content-Security-Policy')).toBeNull()
  })

  it('is copied without the derived type', async () => {
    await fill(mediaKv, { 'harbour.jpg': 'x' })
    const { call } = startApp({ FALLBACK_DATA_MIGRATION: true })
    await (await call('/harbour.jpg')).arrayBuffer()
    await expect.poll(() => media.head('harbour.jpg')).not.toBeNull()
    expect((await media.head('harbour.jpg'))?.contentType).toBeUndefined()
    expect((await call('/harbour.jpg', { method: 'HEAD' })).headers.get('Content-Type')).toBe('image/jpeg')
  })
})
