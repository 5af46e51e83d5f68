import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startStack, type Stack } from '../../demo/stack.ts'
import { createCli, records, type Cli } from './run.ts'

let stack: Stack
let cli: Cli
let folder: string

beforeAll(async () => {
  stack = await startStack()
  cli = createCli(stack.worker.url, stack.token)
  folder = await mkdtemp(join(tmpdir(), 'cli-'))
})

afterAll(async () => {
  await stack?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

async function put(name: string, text: string): Promise<void> {
  const { code, stderr } = await cli(['put', '-', name], { stdin: text })
  expect(code, stderr).toBe(0)
}

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

describe('put', () => {
  it.each([
    { name: 'a.svg', type: 'image/svg+xml' },
    { name: 'b.mp4', type: 'video/mp4' },
    { name: 'c.webp', type: 'image/webp' },
    { name: 'd', type: 'application/octet-stream' },
  ])('stores $name as $type', async ({ name, type }) => {
    await put(name, 'x')
    const head = await fetch(stack.worker.url + name, { method: 'HEAD' })
    expect(head.headers.get('content-type')).toBe(type)
  })

  it('keeps type, cache control and metadata that it is given', async () => {
    const flags = ['--content-type', 'text/css', '--cache-control', 'max-age=5', '--meta', 'owner=me=you']
    expect(await cli(['put', '-', 'kept', ...flags], { stdin: 'x' })).toMatchObject({ code: 0 })
    const { headers } = await fetch(`${stack.worker.url}kept`, { method: 'HEAD' })
    expect(headers.get('content-type')).toBe('text/css')
    expect(headers.get('cache-control')).toBe('max-age=5')
    expect(headers.get('x-amz-meta-owner')).toBe('me=you')
  })

  it('puts a file into a folder under its own name', async () => {
    await writeFile(join(folder, 'own name.txt'), 'x')
    expect(records(await cli(['put', join(folder, 'own name.txt'), 'into/', '--json']))).toEqual([
      { name: 'into/own name.txt', size: 1, created: true, etag: expect.any(String) },
    ])
  })

  it('does not replace with --create', async () => {
    await put('once.txt', 'first')
    const { code, stderr } = await cli(['put', '-', 'once.txt', '--create'], { stdin: 'second' })
    expect(code).toBe(3)
    expect(stderr).toContain('A condition does not hold')
    expect((await cli(['get', 'once.txt', '-'])).stdout).toBe('first')
  })

  it('prints the name that it took with --available', async () => {
    await put('taken.txt', 'first')
    const { code, stdout } = await cli(['put', '-', 'taken.txt', '--available'], { stdin: 'second' })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^taken_\w{7}\.txt\n$/)
    expect((await cli(['get', stdout.trim(), '-'])).stdout).toBe('second')
  })

  it('lets the Worker check what arrives with --checksum', async () => {
    await writeFile(join(folder, 'checked'), 'checked')
    expect(await cli(['put', '--checksum', join(folder, 'checked'), 'checked'])).toMatchObject({ code: 0 })
  })

  it.each([
    { args: ['put', '/no/such/file', 'x'], says: 'no such file' },
    { args: ['put', '.', 'x'], says: 'is not a file' },
    { args: ['put', '-'], says: 'standard input has no name' },
    { args: ['put', '-', 'x', '--meta', 'nonsense'], says: 'key=value' },
    { args: ['put', '-', 'x', '--create', '--available'], says: 'contradict' },
  ])('refuses $args', async ({ args, says }) => {
    const { code, stderr } = await cli(args)
    expect(code).toBe(2)
    expect(stderr).toContain(says)
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
    expect(records(await cli(['tombstones', 'purge', 'graphics/', '--dry-run', '--json']))).toEqual([
      { dry_run: true, examined: 1, purged: 0, kept: 1 },
    ])
    expect(await cli(['undelete', name])).toMatchObject({
      code: 0,
      stdout: `${name}: served by legacy again\n`,
    })
    expect(await cli(['undelete', name])).toMatchObject({ code: 3 })
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
