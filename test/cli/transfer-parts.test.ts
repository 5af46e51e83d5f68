import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fileTarget } from '../../src/cli/download.ts'
import { concurrently } from '../../src/cli/transfer/concurrently.ts'
import { createFilter } from '../../src/cli/transfer/filter.ts'
import { join } from '../../src/cli/transfer/join.ts'
import { unsafeReason } from '../../src/cli/transfer/local-files.ts'
import { parseLocation } from '../../src/cli/transfer/location.ts'

describe('locations', () => {
  it.each([
    { text: './photos', found: { path: './photos' } },
    { text: 'photos/a:b', found: { path: 'photos/a:b' } },
    { text: './a:b', found: { path: './a:b' } },
    { text: '/tmp/x', found: { path: '/tmp/x' } },
    { text: 'production:photos/', found: { profile: 'production', prefix: 'photos/' } },
    { text: ':photos/a:b', found: { profile: undefined, prefix: 'photos/a:b' } },
    { text: ':', found: { profile: undefined, prefix: '' } },
    { text: String.raw`C:\photos`, platform: 'win32', found: { path: String.raw`C:\photos` } },
    { text: 'c:photos', platform: 'win32', found: { path: 'c:photos' } },
    { text: String.raw`photos\a:b`, platform: 'win32', found: { path: String.raw`photos\a:b` } },
  ] as const)('are understood: $text', ({ text, found, ...rest }) => {
    expect(parseLocation(text, 'platform' in rest ? rest.platform : 'linux')).toEqual(found)
  })

  it('do not begin with a slash in a deployment', () => {
    expect(() => parseLocation('production:/photos/')).toThrow('write production:photos/')
  })
})

describe('filters', () => {
  it.each([
    { include: ['*.jpg'], yes: ['a.jpg', 'x/y/a.jpg', '.jpg'], no: ['a.jpgx', 'ajpg', 'a.jpg/b'] },
    { include: ['2024/*'], yes: ['2024/a'], no: ['2024/a/b', 'x/2024/a', '2024'] },
    { include: ['2024/**'], yes: ['2024/a', '2024/a/b'], no: ['2024', 'x2024/a'] },
    { include: ['**/a.txt'], yes: ['a.txt', 'x/a.txt', 'x/y/a.txt'], no: ['xa.txt'] },
    { include: ['/a.txt'], yes: ['a.txt'], no: ['x/a.txt'] },
    { include: ['a?c'], yes: ['abc', 'a😀c', 'x/a.c'], no: ['ac', 'a/c', 'abbc'] },
    { include: ['a+(b)[c]{d}$^|.txt'], yes: ['a+(b)[c]{d}$^|.txt'], no: ['aa(b)c.txt'] },
    { include: ['*'], exclude: ['*.tmp', 'cache/**'], yes: ['a', 'x/cache/b'], no: ['a.tmp', 'cache/x/y'] },
    { exclude: ['cache/'], yes: ['a', 'cache'], no: ['cache/x', 'cache/x/y', 'x/cache/y'] },
    { include: ['/a/b/'], yes: ['a/b/c', 'a/b/c/d'], no: ['a/b', 'a/bc', 'x/a/b/c'] },
    { exclude: ['.DS_Store'], yes: ['DS_Store', 'a'], no: ['.DS_Store', 'x/.DS_Store'] },
    { yes: ['anything', 'line\nbreak'], no: [] },
    { include: ['a*'], yes: ['a\nb'], no: ['b\na'] },
  ])('let through $yes, not $no: include $include, exclude $exclude', ({ yes, no, ...options }) => {
    const filter = createFilter(options)
    expect([...yes, ...no].filter(filter)).toEqual(yes)
  })
})

describe('names that cannot be files', () => {
  it.each([
    '..',
    '../a',
    'a/../../b',
    'a/..',
    './a',
    'a/./b',
    '/etc/passwd',
    '//host/share',
    'a//b',
    'a/',
    '',
    'a\0b',
    'x'.repeat(256),
    `a/${'é'.repeat(128)}`,
    '.0123456789abcdef.fallback-storage-part',
  ])('are refused everywhere: %j', (name) => {
    expect(unsafeReason(name, 'linux')).toEqual(expect.any(String))
    expect(unsafeReason(name, 'win32')).toEqual(expect.any(String))
  })

  it.each([
    String.raw`..\a`,
    String.raw`a\b`,
    'C:/x',
    'a:stream',
    'con',
    'CON.txt',
    'x/nul',
    'Aux.tar.gz',
    'com1',
    'LPT¹.txt',
    'CONIN$',
    'a.',
    'a /b',
    'what?',
    'a*b',
    '<a>',
    'a|b',
    '"a"',
    'a\nb',
  ])('are refused on Windows only: %j', (name) => {
    expect(unsafeReason(name, 'win32')).toEqual(expect.any(String))
    expect(unsafeReason(name, 'linux')).toBeUndefined()
  })

  it.each([
    'a',
    'a/b.jpg',

    '.hidden',
    'ünïcödé/日本語 😀.txt',
    '-odd',
    'console.txt',
    'com',
    ' a',
    'x'.repeat(255),
  ])('do not include %j', (name) => {
    expect(unsafeReason(name, 'linux')).toBeUndefined()
    expect(unsafeReason(name, 'win32')).toBeUndefined()
  })
})

async function* of(names: readonly string[], onEnd?: () => void) {
  try {
    for (const name of names) yield { name }
  } finally {
    onEnd?.()
  }
}

describe('join', () => {
  const joined = async (left: string[], right: string[]) => {
    const pairs = await Array.fromAsync(join(of(left), of(right)))
    return pairs.map(({ name, left: a, right: b }) => `${name}${a ? '<' : ''}${b ? '>' : ''}`)
  }

  it.each([
    { left: [], right: [], found: [] },
    { left: ['a', 'c'], right: ['b', 'c', 'd'], found: ['a<', 'b>', 'c<>', 'd>'] },
    { left: ['a', 'b'], right: [], found: ['a<', 'b<'] },
    { left: [], right: ['a'], found: ['a>'] },
    // In UTF-16, the surrogates of 😀 come before U+FF5E.
    { left: ['～', '😀'], right: ['😀'], found: ['～<', '😀<>'] },
  ])('$left with $right', async ({ left, right, found }) => {
    expect(await joined(left, right)).toEqual(found)
  })

  it.each([
    { left: ['b', 'a'], right: [] },
    { left: [], right: ['a', 'a'] },
  ])('throws if a side is not in order: $left, $right', async ({ left, right }) => {
    await expect(joined(left, right)).rejects.toThrow('not in order')
  })

  it('ends both sides if it is not read to its end', async () => {
    let ended = 0
    const end = () => (ended += 1)
    for await (const _ of join(of(['a', 'b'], end), of(['a', 'b'], end))) break
    expect(ended).toBe(2)
  })
})

describe('concurrently', () => {
  it('runs at most as many at a time, and reads no further ahead', async () => {
    let running = 0
    let most = 0
    let read = 0
    async function* items() {
      for (; read < 20; read += 1) yield read
    }
    await concurrently(items(), 3, async (item) => {
      most = Math.max(most, (running += 1))
      expect(read - item).toBeLessThan(4)
      await new Promise((resolve) => setImmediate(resolve))
      running -= 1
    })
    expect({ most, running, read }).toEqual({ most: 3, running: 0, read: 20 })
  })

  it('ends with the first error, once what was running is over', async () => {
    let over = 0
    async function* items() {
      for (let item = 0; ; item += 1) yield item
    }
    const run = concurrently(items(), 3, async (item) => {
      await new Promise((resolve) => setImmediate(resolve))
      over += 1
      if (item === 5) throw new Error('broken')
    })
    await expect(run).rejects.toThrow('broken')
    expect(over).toBeGreaterThanOrEqual(6)
  })

  it('ends with an error that occurs while the next item is awaited', async () => {
    async function* items() {
      yield 0
      await new Promise((resolve) => setTimeout(resolve, 20))
      yield 1
    }
    const started: number[] = []
    const run = concurrently(items(), 3, async (item) => {
      started.push(item)
      if (item === 0) throw new Error('broken')
    })
    await expect(run).rejects.toThrow('broken')
    expect(started).toEqual([0])
  })
})

describe('a file that is downloaded', () => {
  it('is not published if another process wrote to the same part', async () => {
    const folder = await mkdtemp(joinPath(tmpdir(), 'cli-parts-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const begin = async () => {
      const target = await fileTarget(joinPath(folder, 'a'), 'https://media.test/a', { resume: false })
      await target.restart('"1"')
      await target.write(Buffer.from('one '))
      return target
    }
    const [first, second] = [await begin(), await begin()]
    for (const target of [first, second]) await target.write(Buffer.from('two'))
    await expect(first.finish?.()).rejects.toThrow('another process')
    await expect(second.finish?.()).rejects.toThrow('another process')
    expect(await readdir(folder)).toEqual([])
  })
})
