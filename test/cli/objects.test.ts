import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { useDeployment } from './deployment.ts'
import { records } from './run.ts'

const deployment = useDeployment()
const none = { stdout: '', bytes: Buffer.alloc(0) }

describe('ls', () => {
  it('lists folders and names, one per line', async () => {
    expect(await deployment.cli(['ls', 'photos/'])).toMatchObject({
      code: 0,
      stdout: 'photos/2024/\nphotos/harbour.jpg\nphotos/photo (1).jpg\nphotos/sun.png\n',
    })
  })

  it('lists recursively with -r', async () => {
    const { stdout } = await deployment.cli(['ls', '-r', 'photos/'])
    expect(stdout.split('\n')).toContain('photos/2024/fractal.webp')
    expect(stdout).not.toContain('photos/2024/\n')
  })

  it('shows size, time and backend with -l', async () => {
    const { stdout } = await deployment.cli(['ls', '-l', 'photos/s'])
    expect(stdout).toMatch(/^6\.3 KiB {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}legacy {2}photos\/sun\.png\n$/)
  })

  it('prints one JSON document per entry with --json', async () => {
    const entries = records(await deployment.cli(['ls', 'photos/', '--json']))
    expect(entries[0]).toEqual({ directory: 'photos/2024/' })
    expect(entries[1]).toMatchObject({ name: 'photos/harbour.jpg', size: 31_364, backend: 'legacy' })
    expect(entries).toHaveLength(4)
  })

  it('stops at --limit', async () => {
    expect((await deployment.cli(['ls', '-r', '--limit', '2'])).stdout.trim().split('\n')).toHaveLength(2)
  })

  it('prints nothing for a prefix without names, and succeeds', async () => {
    expect(await deployment.cli(['ls', 'nothing/'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })
})

describe('names', () => {
  it('refuses to list "-", which is not a valid name', async () => {
    expect(await deployment.cli(['ls', '--', '-'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'error: "-" is not a valid name\n',
    })
  })

  it.each([
    'with space (1).txt',
    'ünïcödé/日本語 😀.txt',
    'a+b&c=d%20e.txt',
    'what?/#hash.txt',
    `it's "quoted"; $(rm).txt`,
    'double//slash.txt',
    '-dash.txt',
    '%2e%2e/up.txt',
  ])('round-trip unchanged: %s', async (name) => {
    await writeFile(join(deployment.folder, 'source'), `bytes of ${name}`)
    expect(await deployment.cli(['put', '--', join(deployment.folder, 'source'), name])).toMatchObject({
      code: 0,
    })
    expect((await deployment.cli(['ls', '-r', '--', name])).stdout).toBe(`${name}\n`)
    expect((await deployment.cli(['get', '--', name, '-'])).stdout).toBe(`bytes of ${name}`)
    expect(await deployment.cli(['rm', '--', name])).toMatchObject({ code: 0, stderr: `deleted ${name}\n` })
  })

  it.each(['../secret', 'a/./b', '..'])(
    'with dot segments are refused before anything is sent: %s',
    async (name) => {
      const { code, stderr } = await deployment.cli(['rm', name])
      expect(code).toBe(2)
      expect(stderr).toContain('"." or ".." segment')
    },
  )
})

describe('get', () => {
  it('writes a file named after the last part of the name', async () => {
    const { code, stdout, stderr } = await deployment.cli(['get', 'photos/photo (1).jpg'], {
      cwd: deployment.folder,
    })
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toMatch(/^photo \(1\)\.jpg: 20\.8 KiB in \d+ m?s\n$/)
    const original = new URL('../../demo/media/photos/photo (1).jpg', import.meta.url)
    expect(await readFile(join(deployment.folder, 'photo (1).jpg'))).toEqual(await readFile(original))
  })

  it('describes what it wrote with --json', async () => {
    const file = join(deployment.folder, 'sun.png')
    const ran = await deployment.cli(['get', 'photos/sun.png', deployment.folder, '--json'])
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

  it('needs a file argument if the name ends in a slash', async () => {
    await deployment.put('folder/', 'x')
    for (const args of [
      ['get', 'folder/'],
      ['get', 'folder/', deployment.folder],
    ]) {
      const { code, stderr } = await deployment.cli(args, { cwd: deployment.folder })
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: 'error: the name ends in "/": give a file to write it to\n',
      })
    }
    expect((await deployment.cli(['get', 'folder/', '-'])).stdout).toBe('x')
  })

  it('exits with 3 and writes no file if there is no such object', async () => {
    const { code, stderr } = await deployment.cli(['get', 'nope.jpg'], { cwd: deployment.folder })
    expect(code).toBe(3)
    expect(stderr).toBe('error: Object not found: no backend has an object of this name\n')
    for (const file of ['nope.jpg', 'nope.jpg.part'])
      await expect(readFile(join(deployment.folder, file))).rejects.toThrow('ENOENT')
  })

  it('keeps the bytes of an object that is stored with a Content-Encoding', async () => {
    const [headers, body] = [{ 'Content-Encoding': 'gzip' }, gzipSync('hello')]
    await deployment.site.call('encoded.txt', { method: 'PUT', headers, body })
    expect(body.equals((await deployment.cli(['get', 'encoded.txt', '-'])).bytes)).toBe(true)
  })
})

describe('rm, tombstones and undelete', () => {
  it('hide an object in the fallback, list it as deleted, and restore it', async () => {
    const name = 'graphics/pulse.gif'
    expect(await deployment.cli(['rm', name, 'never was'])).toMatchObject({
      code: 0,
      stderr: `deleted ${name}\ndeleted never was\n`,
    })
    expect(await deployment.cli(['get', name, '-'])).toMatchObject({ code: 3 })
    expect((await deployment.cli(['tombstones', 'ls', 'graphics/'])).stdout).toMatch(
      /^[\d-]{10} [\d:]{8} {2}graphics\/pulse\.gif\n$/,
    )
    expect(records(await deployment.cli(['tombstones', 'ls', 'graphics/', '--json']))).toEqual([
      { name, deleted_time: expect.stringMatching(/Z$/) },
    ])
    expect((await deployment.cli(['tombstones', 'purge', 'graphics/', '--dry-run'])).stderr).toBe(
      '0 would be purged, 1 kept because fallbacks hold their objects, or did not answer\n',
    )
    expect(
      records(await deployment.cli(['tombstones', 'purge', 'graphics/', '--dry-run', '--json'])),
    ).toEqual([{ dry_run: true, examined: 1, purged: 0, kept: 1 }])
    expect(await deployment.cli(['undelete', name])).toMatchObject({
      code: 0,
      stdout: `${name}: served by legacy again\n`,
    })
    expect(await deployment.cli(['undelete', name])).toMatchObject({ code: 3 })
    // Undelete replaces the tombstone with a marker.
    expect(await deployment.cli(['tombstones', 'purge', 'graphics/'])).toMatchObject({
      stderr: '1 purged\n',
    })
    expect(await deployment.cli(['get', name, '-'])).toMatchObject({ code: 0 })
  })
})

describe('several names', () => {
  it('are all tried, and what fails is named', async () => {
    const names = ['graphics/pulse.gif', 'photos/harbour.jpg']
    expect(await deployment.cli(['rm', names[0] ?? '', 'x/../y', names[1] ?? ''])).toEqual({
      ...none,
      code: 2,
      stderr:
        'deleted graphics/pulse.gif\n' +
        'error: x/../y: the name contains a "." or ".." segment: x/../y\n' +
        'deleted photos/harbour.jpg\n',
    })
    const ran = await deployment.cli(['undelete', names[0] ?? '', 'photos/sun.png', names[1] ?? '', '--json'])
    expect(ran.code).toBe(3)
    expect(records(ran)).toMatchObject(names.map((name) => ({ name, restored: true })))
    expect(JSON.parse(ran.stderr)).toMatchObject({
      error: { title: 'Object not found', name: 'photos/sun.png', exit_code: 3 },
    })
    expect(await deployment.cli(['undelete', 'photos/sun.png', 'x/../y'])).toMatchObject({ code: 1 })
  })

  it('are not tried after a refused token', async () => {
    const { code, stderr } = await deployment.cli(['rm', 'a', 'b'], {
      env: { FALLBACK_STORAGE_TOKEN: 'wrong' },
    })
    expect(stderr.match(/the bearer token is invalid/g)).toHaveLength(1)
    expect(code).toBe(4)
  })
})

describe('explain', () => {
  it('shows the result of every backend', async () => {
    const { code, stdout } = await deployment.cli(['explain', 'docs/leaflet.pdf'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^docs\/leaflet\.pdf: served by legacy\nmigration: pending → media \(.+\)\n/)
    expect(stdout).toMatch(/^ {2}media {5}r2 +absent +[\d.]+ ms$/m)
    expect(stdout).toMatch(/^ {2}legacy {4}http +hit +[\d.]+ ms {2}732 B {2}application\/pdf/m)
  })

  it('exits with 3 if no backend has the name, and still shows the explanation', async () => {
    const ran = await deployment.cli(['explain', 'nope', '--json'])
    expect(ran.code).toBe(3)
    expect(JSON.parse(ran.stdout)).toMatchObject({ would_serve: null, migration: { state: 'absent' } })
  })
})
