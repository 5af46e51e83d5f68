import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { records, useDemo, type Demo } from './run.ts'

let stack: Demo['stack']
let cli: Demo['cli']
let folder: Demo['folder']
let put: Demo['put']
useDemo((demo) => void ({ stack, cli, folder, put } = demo))

describe('ls', () => {
  it('shows folders and names, one a line', async () => {
    expect(await cli(['ls', 'photos/'])).toMatchObject({
      code: 0,
      stdout: 'photos/2024/\nphotos/harbour.jpg\nphotos/photo (1).jpg\nphotos/sun.png\n',
    })
  })

  it('goes down into folders with -r', async () => {
    const { stdout } = await cli(['ls', '-r', 'photos/'])
    expect(stdout.split('\n')).toContain('photos/2024/fractal.webp')
    expect(stdout).not.toContain('photos/2024/\n')
  })

  it('shows size, time and backend with -l', async () => {
    const { stdout } = await cli(['ls', '-l', 'photos/s'])
    expect(stdout).toMatch(/^6\.3 KiB {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}legacy {2}photos\/sun\.png\n$/)
  })

  it('answers --json with one entry a line', async () => {
    const entries = records(await cli(['ls', 'photos/', '--json']))
    expect(entries[0]).toEqual({ directory: 'photos/2024/' })
    expect(entries[1]).toMatchObject({ name: 'photos/harbour.jpg', size: 31_364, backend: 'legacy' })
    expect(entries).toHaveLength(4)
  })

  it('stops at --limit', async () => {
    expect((await cli(['ls', '-r', '--limit', '2'])).stdout.trim().split('\n')).toHaveLength(2)
  })

  it('prints nothing for a prefix that no name has, which is no error', async () => {
    expect(await cli(['ls', 'nothing/'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })
})

describe('names', () => {
  it.each([
    'with space (1).txt',
    'ünïcödé/日本語 😀.txt',
    'a+b&c=d%20e.txt',
    'what?/#hash.txt',
    `it's "quoted"; $(rm).txt`,
    'double//slash.txt',
    '-dash.txt',
    '%2e%2e/up.txt',
  ])('go there and back whole: %s', async (name) => {
    await writeFile(join(folder, 'source'), `bytes of ${name}`)
    expect(await cli(['put', '--', join(folder, 'source'), name])).toMatchObject({ code: 0 })
    expect((await cli(['ls', '-r', '--', name])).stdout).toBe(`${name}\n`)
    expect((await cli(['get', '--', name, '-'])).stdout).toBe(`bytes of ${name}`)
    expect(await cli(['rm', '--', name])).toMatchObject({ code: 0, stderr: `deleted ${name}\n` })
  })

  it.each(['../secret', 'a/./b', '..'])(
    'with dot segments are refused before anything is sent: %s',
    async (name) => {
      const { code, stderr } = await cli(['rm', name])
      expect(code).toBe(2)
      expect(stderr).toContain('"." or ".." segment')
    },
  )
})

describe('get', () => {
  it('writes a file of the name’s last part', async () => {
    const { code, stdout, stderr } = await cli(['get', 'photos/photo (1).jpg'], { cwd: folder })
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toMatch(/^photo \(1\)\.jpg: 20\.8 KiB in \d+ m?s\n$/)
    const original = new URL('../../demo/media/photos/photo (1).jpg', import.meta.url)
    expect(await readFile(join(folder, 'photo (1).jpg'))).toEqual(await readFile(original))
  })

  it('tells in JSON what it wrote', async () => {
    const file = join(folder, 'sun.png')
    const ran = await cli(['get', 'photos/sun.png', folder, '--json'])
    expect(records(ran)).toEqual([
      {
        name: 'photos/sun.png',
        file,
        size: 6465,
        etag: expect.any(String),
        content_type: 'image/png',
        resumed_from: 0,
      },
    ])
  })

  it('asks for a file where the name ends in a slash', async () => {
    await put('folder/', 'x')
    for (const args of [
      ['get', 'folder/'],
      ['get', 'folder/', folder],
    ]) {
      const { code, stderr } = await cli(args, { cwd: folder })
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: 'error: the name ends in "/": say which file to write it to\n',
      })
    }
    expect((await cli(['get', 'folder/', '-'])).stdout).toBe('x')
  })

  it('leaves no file behind for what is not there, and ends with 3', async () => {
    const { code, stderr } = await cli(['get', 'nope.jpg'], { cwd: folder })
    expect(code).toBe(3)
    expect(stderr).toBe('error: There is no such object: no backend has an object of this name\n')
    for (const file of ['nope.jpg', 'nope.jpg.part'])
      await expect(readFile(join(folder, file))).rejects.toThrow('ENOENT')
  })

  it('gives the content of an object that is stored encoded', async () => {
    const url = `${stack.worker.url}encoded.txt`
    const headers = { Authorization: `Bearer ${stack.token}`, 'Content-Encoding': 'gzip' }
    await fetch(url, { method: 'PUT', headers, body: gzipSync('hello') })
    expect((await cli(['get', 'encoded.txt', '-'])).stdout).toBe('hello')
  })
})

describe('rm, tombstones and undelete', () => {
  it('hide what the fallback holds, list it, and bring it back', async () => {
    const name = 'graphics/pulse.gif'
    expect(await cli(['rm', name, 'never was'])).toMatchObject({
      code: 0,
      stderr: `deleted ${name}\ndeleted never was\n`,
    })
    expect(await cli(['get', name, '-'])).toMatchObject({ code: 3 })
    expect((await cli(['tombstones', 'ls', 'graphics/'])).stdout).toMatch(
      /^[\d-]{10} [\d:]{8} {2}graphics\/pulse\.gif\n$/,
    )
    expect(records(await cli(['tombstones', 'ls', 'graphics/', '--json']))).toEqual([
      { name, deleted_time: expect.stringMatching(/Z$/) },
    ])
    expect((await cli(['tombstones', 'purge', 'graphics/', '--dry-run'])).stderr).toBe(
      '0 would be forgotten, 1 kept because fallbacks still hold their objects\n',
    )
    expect(records(await cli(['tombstones', 'purge', 'graphics/', '--dry-run', '--json']))).toEqual([
      { dry_run: true, examined: 1, purged: 0, kept: 1 },
    ])
    expect(await cli(['undelete', name])).toMatchObject({
      code: 0,
      stdout: `${name}: served by legacy again\n`,
    })
    expect(await cli(['undelete', name])).toMatchObject({ code: 3 })
    // What undelete leaves in the place of the tombstone.
    expect(await cli(['tombstones', 'purge', 'graphics/'])).toMatchObject({ stderr: '1 forgotten\n' })
    expect(await cli(['get', name, '-'])).toMatchObject({ code: 0 })
  })
})

describe('explain', () => {
  it('shows what every backend says', async () => {
    const { code, stdout } = await cli(['explain', 'docs/leaflet.pdf'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^docs\/leaflet\.pdf: served by legacy\nmigration: pending → media \(.+\)\n/)
    expect(stdout).toMatch(/^ {2}media {5}r2 +absent +[\d.]+ ms$/m)
    expect(stdout).toMatch(/^ {2}legacy {4}http +hit +[\d.]+ ms {2}732 B {2}application\/pdf/m)
  })

  it('ends with 3 where nobody has the name, and still says who was asked', async () => {
    const ran = await cli(['explain', 'nope', '--json'])
    expect(ran.code).toBe(3)
    expect(JSON.parse(ran.stdout)).toMatchObject({ would_serve: null, migration: { state: 'absent' } })
  })
})
