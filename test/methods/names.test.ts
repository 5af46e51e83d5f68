import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { freeName, validName } from '../../src/methods/names.ts'
import { rawPath } from '../../src/http/raw-path.ts'
import { nameBytes } from '../../src/storage/name.ts'

const BYTES = new TextEncoder().encode('x')

describe('validName()', () => {
  // The first rows are those of Django's own tests of get_valid_filename.
  it.each([
    ["^&'@{}[],$=!-#()%+~_123.txt", '-_123.txt'],
    ["john's portrait in 2004.jpg", 'johns_portrait_in_2004.jpg'],
    ['  a b.jpg  ', 'a_b.jpg'],
    ['photos/my  cat?.jpg', 'photos/my__cat.jpg'],
    ['a b/c d.jpg', 'a b/c_d.jpg'],
    ['Übergröße.jpg', 'Übergröße.jpg'],
    ['写真 ①.jpg', '写真_①.jpg'],
    ['cafe\u0301.jpg', 'cafe.jpg'],
    ['🐈 cat.jpg', '_cat.jpg'],
    ['a\tb.jpg', 'ab.jpg'],
    ['...', '...'],
  ])('makes %j into %j', (name, valid) => {
    expect(validName(name)).toBe(valid)
  })

  it.each(['???', '$.$.$', '$.$', '', 'photos/', 'photos/?', '   '])(
    'refuses %j, because nothing is left',
    (name) => {
      expect(() => validName(name)).toThrow('no valid file name')
    },
  )
})

describe('freeName()', () => {
  it('keeps a name that is free', async () => {
    expect(await freeName(memoryBackend('m'), 'a/b.jpg')).toEqual({ name: 'a/b.jpg', onlyIf: 'absent' })
  })

  it.each([
    ['a.jpg', /^a_[A-Za-z0-9]{7}\.jpg$/],
    ['photos/2024/a.jpg', /^photos\/2024\/a_[A-Za-z0-9]{7}\.jpg$/],
    ['a.tar.gz', /^a\.tar_[A-Za-z0-9]{7}\.gz$/],
    ['README', /^README_[A-Za-z0-9]{7}$/],
    ['.bashrc', /^\.bashrc_[A-Za-z0-9]{7}$/],
    ['..a.b', /^\.\.a_[A-Za-z0-9]{7}\.b$/],
    ['dir.d/file', /^dir\.d\/file_[A-Za-z0-9]{7}$/],
    ['dir\\a.jpg', /^dir\/a_[A-Za-z0-9]{7}\.jpg$/],
  ])('gives an alternative to a taken %j', async (name, pattern) => {
    const backend = memoryBackend('m')
    await backend.put(name.replace('\\', '/'), BYTES)
    expect((await freeName(backend, name)).name).toMatch(pattern)
  })

  it('shortens the root of a name that would become too long, between characters', async () => {
    const backend = memoryBackend('m')
    const name = `${'🐈'.repeat(255)}.jpg`
    await backend.put(name, BYTES)
    const free = (await freeName(backend, name)).name
    expect(free).toMatch(/^🐈+_[A-Za-z0-9]{7}\.jpg$/u)
    expect(nameBytes(free)).toBe(1024)
  })

  it('makes a name that the backend accepts from one that it does not', async () => {
    const backend = { ...memoryBackend('m'), accepts: (name: string) => nameBytes(name) <= 512 }
    const free = (await freeName(backend, `${'x'.repeat(600)}.jpg`)).name
    expect(free).toMatch(/^x+_[A-Za-z0-9]{7}\.jpg$/)
    expect(nameBytes(free)).toBe(512)
  })

  it('finds a deleted name free, for a put that replaces exactly that tombstone', async () => {
    const backend = memoryBackend('m')
    const tombstone = await backend.put('a.jpg', new Uint8Array(), { info: { deleted: new Date() } })
    expect(await freeName(backend, 'a.jpg')).toEqual({
      name: 'a.jpg',
      onlyIf: { version: tombstone?.version },
    })
  })

  it('skips a name that an earlier backend has, or may have', async () => {
    const earlier = memoryBackend('earlier')
    await earlier.put('a.jpg', BYTES)
    expect((await freeName(memoryBackend('m'), 'a.jpg', [earlier])).name).toMatch(/^a_\w{7}\.jpg$/)
    const down = { ...earlier, head: () => Promise.reject(new Error('down')) }
    expect((await freeName(memoryBackend('m'), 'b.jpg', [down])).name).toMatch(/^b_\w{7}\.jpg$/)
  })

  it.each(['', 'photos/', '../a', 'a/./b', 'a\\..\\b', `${'x/'.repeat(510)}.${'e'.repeat(100)}`])(
    'refuses %j',
    async (name) => {
      await expect(freeName(memoryBackend('m'), name)).rejects.toMatchObject({ code: 'invalid' })
    },
  )
})

describe('rawPath()', () => {
  it.each([
    ['http://h/a%2Fb//c%20d?x=/y#z', '/a%2Fb//c%20d'],
    ['https://h:8080/', '/'],
    ['http://h', '/'],
    ['http://h?x=/y', '/'],
    ['http://h/a#b?c/d', '/a'],
    ['/a/b?c', '/a/b'],
    ['http://h/http://x/y', '/http://x/y'],
  ])('takes %j to have the path %j', (url, path) => {
    expect(rawPath(url)).toBe(path)
  })
})
