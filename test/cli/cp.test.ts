import { randomBytes } from 'node:crypto'
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { startLegacyOrigin } from '../../demo/legacy-origin.ts'
import { type CuttingProxy, startCuttingProxy } from '../kit/servers/cutting-proxy.ts'
import { forward } from '../kit/servers/forward.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { CREDENTIALS, type LocalS3, startS3 } from '../kit/servers/s3.ts'
import { mediaFolder } from '../kit/servers/media.ts'
import { type Site, startSite, TOKEN } from '../kit/worker/site.ts'
import { useDeployment } from './deployment.ts'
import { type Cli, createCli, type Ran, records } from './run.ts'

const deployment = useDeployment()
/** An origin that cannot list. */
const oldMedia = await mediaFolder()
const old = await startLegacyOrigin(oldMedia.path)
let proxy: CuttingProxy
let folder: string
/** A prefix of its own for each test. */
let prefix: string
let tests = 0

const cli = (...args: Parameters<Cli>): Promise<Ran> => deployment.cli(...args)

beforeAll(async () => {
  proxy = await startCuttingProxy(deployment.site.url)
})

afterAll(async () => {
  await proxy?.close()
  await old.close()
  await oldMedia.remove()
})

beforeEach(async () => {
  prefix = `t${(tests += 1)}/`
  folder = await mkdtemp(join(tmpdir(), 'cli-cp-'))
  proxy.cut(0, 0)
  proxy.slow(0)
  proxy.requests.length = 0
  return () => rm(folder, { recursive: true })
})

async function write(files: Record<string, string | Uint8Array>, root = folder): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }
}

async function files(root = folder): Promise<Record<string, string>> {
  const found = await readdir(root, { recursive: true, withFileTypes: true })
  const names = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const texts = names.map(
    async (path) => [path.slice(root.length + 1), await readFile(path, 'utf8')] as const,
  )
  return Object.fromEntries(await Promise.all(texts))
}

async function stored(): Promise<Record<string, string>> {
  const listed = await cli(['ls', '-r', prefix, '--json'])
  const names = records<{ name: string }>(listed).map(({ name }) => name)
  const texts = names.map(async (name) => [name.slice(prefix.length), await read(name)] as const)
  return Object.fromEntries(await Promise.all(texts))
}

async function read(name: string): Promise<string> {
  return (await deployment.site.fetch(name.split('/').map(encodeURIComponent).join('/'))).text()
}

async function ok(args: readonly string[]): Promise<Ran> {
  const ran = await cli(args)
  expect(ran.code, ran.stderr).toBe(0)
  return ran
}

/** The last record of --json. */
function summaryOf(ran: Ran) {
  return records(ran).at(-1)
}

const TREE = { 'a.txt': 'one', 'b/c.txt': 'two', 'b/ünï (1).txt': 'three', 'b.txt': 'four', empty: '' }

describe('cp of a folder', () => {
  it('goes there and back, and skips what is equal the next time', async () => {
    await write(TREE)
    expect(summaryOf(await ok(['cp', folder, `:${prefix}`, '--json']))).toEqual({
      action: 'summary',
      dry_run: false,
      transferred: 5,
      bytes: 15,
      skipped: 0,
      deleted: 0,
      failed: 0,
    })
    expect(await stored()).toEqual(TREE)
    expect(summaryOf(await ok(['cp', folder, `:${prefix}`, '--json']))).toMatchObject({
      transferred: 0,
      skipped: 5,
    })

    const back = join(folder, 'back')
    expect((await ok(['cp', `:${prefix}`, back])).stderr).toMatch(/^5 downloaded \(15 B\), 0 equal in /)
    expect(await files(back)).toEqual(TREE)
    expect((await ok(['cp', `:${prefix}`, back])).stderr).toMatch(/^0 downloaded \(0 B\), 5 equal in /)
  })

  it('keeps the bytes of an object with a Content-Encoding, which is equal the next time in either direction', async () => {
    const [headers, body] = [{ 'Content-Encoding': 'gzip' }, gzipSync('one')]
    await deployment.site.call(`${prefix}a.txt`, { method: 'PUT', headers, body })
    await ok(['cp', `:${prefix}`, folder])
    expect(body.equals(await readFile(join(folder, 'a.txt')))).toBe(true)
    const equal = { transferred: 0, skipped: 1, failed: 0 }
    expect(summaryOf(await ok(['cp', `:${prefix}`, folder, '--json']))).toMatchObject(equal)
    expect(summaryOf(await ok(['cp', folder, `:${prefix}`, '--json']))).toMatchObject(equal)
    expect(await read(`${prefix}a.txt`)).toBe('one')
  })

  it('replaces what differs, even if the sizes are equal', async () => {
    await write({ 'a.txt': 'one', 'b.txt': 'two' })
    await ok(['cp', folder, `:${prefix}`])
    await write({ 'a.txt': 'ONE' })
    expect(summaryOf(await ok(['cp', folder, `:${prefix}`, '--json']))).toMatchObject({
      transferred: 1,
      skipped: 1,
    })
    expect(await stored()).toEqual({ 'a.txt': 'ONE', 'b.txt': 'two' })

    await write({ 'b.txt': 'TWO' })
    await utimes(join(folder, 'b.txt'), 1, 1)
    expect(summaryOf(await ok(['cp', `:${prefix}`, folder, '--json']))).toMatchObject({
      transferred: 1,
      skipped: 1,
    })
    expect(await files()).toEqual({ 'a.txt': 'ONE', 'b.txt': 'two' })
  })

  it('gives downloads the time of the object', async () => {
    await deployment.put(`${prefix}a.txt`, 'one')
    await ok(['cp', `:${prefix}`, folder])
    const modified = (await deployment.site.fetch(`${prefix}a.txt`, { method: 'HEAD' })).headers.get(
      'Last-Modified',
    )
    expect((await stat(join(folder, 'a.txt'))).mtime.toUTCString()).toBe(modified)
  })

  it('only says what it would do with --dry-run', async () => {
    await write({ 'a.txt': 'one' })
    const ran = await ok(['cp', folder, `:${prefix}`, '--dry-run'])
    expect(ran.stdout).toBe(`upload    ${prefix}a.txt\n`)
    expect(ran.stderr).toMatch(/^1 to upload \(3 B\), 0 equal in /)
    expect(await stored()).toEqual({})
    await deployment.put(`${prefix}b.txt`, 'two')
    const { stdout } = await ok(['cp', `:${prefix}`, folder, '--dry-run', '--json'])
    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toEqual({
      action: 'download',
      name: `${prefix}b.txt`,
      file: join(folder, 'b.txt'),
      size: 3,
      result: 'planned',
    })
    expect(await files()).toEqual({ 'a.txt': 'one' })
  })

  it('transfers only what --include and --exclude let through', async () => {
    await write({ 'a.jpg': '1', 'x/b.jpg': '2', 'x/c.txt': '3', 'cache/d.jpg': '4' })
    await ok(['cp', folder, `:${prefix}`, '--include', '*.jpg', '--exclude', 'cache/**'])
    expect(Object.keys(await stored())).toEqual(['a.jpg', 'x/b.jpg'])
  })

  it('reads all pages of a listing', async () => {
    const names = Array.from({ length: 1100 }, (_, index) => [`${index}`, 'x'])
    await write(Object.fromEntries(names), join(deployment.media.path, prefix))
    const ran = await ok(['cp', `:${prefix}`, folder, '--dry-run', '--json'])
    expect(summaryOf(ran)).toMatchObject({ transferred: 1100 })
  })

  it('leaves symbolic links out, and says so', async () => {
    await write({ 'a.txt': 'one' })
    await symlink('/etc/passwd', join(folder, 'link'))
    const { stderr } = await ok(['cp', folder, `:${prefix}`])
    expect(stderr).toContain(`${join(folder, 'link')} is left out: it is a symbolic link`)
    expect(await stored()).toEqual({ 'a.txt': 'one' })
  })

  it('exits with 3 if there is nothing below the prefix', async () => {
    expect(await cli(['cp', `:${prefix}`, folder])).toMatchObject({
      code: 3,
      stderr: 'error: the source is empty: check its name\n',
    })
  })
})

describe('cp of one file', () => {
  it.each([
    { to: '', name: 'a.txt' },
    { to: 'other name.txt', name: 'other name.txt' },
    { to: 'sub/', name: 'sub/a.txt' },
  ])('to :$to stores $name', async ({ to, name }) => {
    await write({ 'a.txt': 'one' })
    await ok(['cp', join(folder, 'a.txt'), `:${prefix}${to}`])
    expect(await stored()).toEqual({ [name]: 'one' })
  })

  it.each([
    { to: '.', file: 'a.txt' },
    { to: 'new/', file: 'new/a.txt' },
    { to: 'b.txt', file: 'b.txt' },
  ])('from a deployment to $to writes $file', async ({ to, file }) => {
    await deployment.put(`${prefix}a.txt`, 'one')
    const target = to === '.' ? folder : `${folder}/${to}`
    await ok(['cp', `:${prefix}a.txt`, target])
    expect(await files()).toEqual({ [file]: 'one' })
  })

  it('exits with 3 if there is no such object', async () => {
    const { code, stderr } = await cli(['cp', `:${prefix}none.txt`, folder])
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('there is no object') })
  })

  it('follows a link that is named', async () => {
    await write({ 'a.txt': 'one' })
    await symlink('a.txt', join(folder, 'link'))
    await ok(['cp', join(folder, 'link'), `:${prefix}`])
    expect(await stored()).toEqual({ link: 'one' })
  })
})

describe('names that would leave the folder', () => {
  it('are not written, and the others are', async () => {
    const outside = join(dirname(folder), 'outside')
    for (const name of ['ok.txt', 'a//b', '../outside', 'x/../../outside', '/abs', './dot'])
      await deployment.site.bucket.put(prefix + name, 'x')
    await deployment.site.bucket.put(`${prefix}folder/`, '')
    const ran = await cli(['cp', `:${prefix}`, folder, '--json'])
    expect(ran.code).toBe(1)
    expect(await files()).toEqual({ 'ok.txt': 'x' })
    await expect(lstat(outside)).rejects.toThrow('ENOENT')
    expect(summaryOf(ran)).toMatchObject({ transferred: 1 })
    const failed = records(ran).filter(({ result }) => result === 'failed')
    expect(failed.map(({ name }) => name)).toContain(`${prefix}a//b`)
  })

  it('are not written through a symbolic link', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'cli-outside-'))
    await symlink(outside, join(folder, 'link'))
    await deployment.put(`${prefix}link/evil.txt`, 'x')
    const { code, stderr } = await cli(['cp', `:${prefix}`, folder])
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('is not a folder') })
    expect(await readdir(outside)).toEqual([])
    await rm(outside, { recursive: true })
  })

  it('are not written over what the folder does not show as a file', async () => {
    await write({ target: 'untouched' })
    await symlink('target', join(folder, 'a.txt'))
    await deployment.put(`${prefix}a.txt`, 'x')
    const { code, stderr } = await cli(['cp', `:${prefix}`, folder])
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('exists already') })
    expect(await files()).toEqual({ target: 'untouched' })
  })

  it('can be a file and a folder in a deployment: one of them fails', async () => {
    await deployment.put(`${prefix}a`, 'file')
    await deployment.put(`${prefix}a/b`, 'below')
    const ran = await cli(['cp', `:${prefix}`, folder, '--max-concurrency', '1', '--json'])
    expect(ran.code).toBe(1)
    expect(summaryOf(ran)).toMatchObject({ transferred: 1, failed: 1 })
    expect(await files()).toEqual({ a: 'file' })
  })
})

describe('changes in the meantime', () => {
  it('of an object are not overwritten', async () => {
    await write({ 'a.txt': 'mine' })
    await deployment.put(`${prefix}a.txt`, 'theirs')
    const between = createCli(
      await intercepted('PUT', () => deployment.put(`${prefix}a.txt`, 'newer')),
      TOKEN,
    )
    const { code, stderr } = await between(['cp', folder, `:${prefix}`])
    expect(stderr).toContain('it was changed there in the meantime, and is not overwritten')
    expect(code).toBe(1)
    expect(await stored()).toEqual({ 'a.txt': 'newer' })
  })

  it('do not replace an object that was just created', async () => {
    await write({ 'a.txt': 'mine' })
    const between = createCli(
      await intercepted('PUT', () => deployment.put(`${prefix}a.txt`, 'newer')),
      TOKEN,
    )
    expect((await between(['cp', folder, `:${prefix}`])).code).toBe(1)
    expect(await stored()).toEqual({ 'a.txt': 'newer' })
  })

  it.each([
    { what: 'changed', before: { 'a.txt': 'old' } },
    { what: 'just created', before: {} },
  ])('of a file that was $what are not overwritten', async ({ before }) => {
    await write(before)
    await deployment.put(`${prefix}a.txt`, 'theirs')
    const change = () => write({ 'a.txt': 'mine, newer' })
    const between = createCli(await intercepted('GET', change, { end: `${prefix}a.txt` }), TOKEN)
    const { code, stderr } = await between(['cp', `:${prefix}`, folder])
    expect(stderr).toContain('is not overwritten')
    expect(code).toBe(1)
    expect(await readFile(join(folder, 'a.txt'), 'utf8')).toBe('mine, newer')
  })

  it('do not delete an object that was replaced', async () => {
    await write({ 'a.txt': 'one' })
    await deployment.put(`${prefix}a.txt`, 'one')
    await deployment.put(`${prefix}extra.txt`, 'old')
    const between = createCli(
      await intercepted('DELETE', () => deployment.put(`${prefix}extra.txt`, 'new!')),
      TOKEN,
    )
    expect((await between(['sync', folder, `:${prefix}`, '--delete'])).code).toBe(1)
    expect(await stored()).toEqual({ 'a.txt': 'one', 'extra.txt': 'new!' })
  })
})

/** The URL of a proxy that calls `change` before the first request with this method whose path ends like this. */
async function intercepted(
  method: string,
  change: () => Promise<void>,
  { end = '', to = deployment.site.url } = {},
): Promise<string> {
  let isDone = false
  const server = createServer((request, response) => {
    const isAwaited = request.method === method && request.url?.endsWith(end)
    const before = isAwaited && !isDone ? change() : Promise.resolve()
    isDone ||= isAwaited === true
    before.then(
      () => forward(request, response, new URL(to)),
      () => response.destroy(),
    )
  })
  const url = await listen(server)
  onTestFinished(() => close(server))
  return url
}

describe('an interrupted transfer', () => {
  const big = randomBytes(4 * 1024 * 1024)

  it('continues large downloads where they stopped', async () => {
    await deployment.site.bucket.put(`${prefix}big.bin`, big)
    await deployment.put(`${prefix}small.txt`, 'x')
    proxy.slow(20)
    const through = createCli(proxy.url, TOKEN)
    const interrupt = new AbortController()
    const interrupted = through(['cp', `:${prefix}`, folder], { signal: interrupt.signal })
    await expect.poll(partSize, { timeout: 20_000 }).toBeGreaterThan(1024 * 1024)
    interrupt.abort()
    expect(await interrupted).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('Run the same command again to continue.'),
    })
    proxy.slow(0)
    proxy.requests.length = 0
    const there = await partSize()
    const ran = await through(['cp', `:${prefix}`, folder, '--json'])
    expect(summaryOf(ran)).toMatchObject({ failed: 0 })
    expect(proxy.requests.map(({ range }) => range)).toContain(`bytes=${there}-`)
    expect(big.equals(await readFile(join(folder, 'big.bin')))).toBe(true)
    expect((await readdir(folder)).sort()).toEqual(['big.bin', 'small.txt'])
  })

  it('leaves unfinished downloads out of uploads', async () => {
    await write({ 'a.txt': 'one', '.0123456789abcdef.fallback-storage-part': 'x' })
    await ok(['cp', folder, `:${prefix}`])
    expect(await stored()).toEqual({ 'a.txt': 'one' })
  })

  it('continues by itself when the connection is lost', async () => {
    await deployment.site.bucket.put(`${prefix}big.bin`, big)
    proxy.cut(1, 1024 * 1024)
    const { code, stderr } = await createCli(proxy.url, TOKEN)(['cp', `:${prefix}big.bin`, folder])
    expect(code, stderr).toBe(0)
    expect(big.equals(await readFile(join(folder, 'big.bin')))).toBe(true)
  })

  async function partSize(): Promise<number> {
    const part = (await readdir(folder)).find((name) => name.endsWith('-part'))
    return part === undefined ? 0 : (await stat(join(folder, part))).size
  }
})

describe('sync --delete', () => {
  it('deletes what only the deployment has, but nothing that is filtered out', async () => {
    await write({ 'a.txt': 'one' })
    for (const name of ['a.txt', 'old.txt', 'x/old.txt', 'keep.log'])
      await deployment.put(prefix + name, 'one')
    const args = ['sync', folder, `:${prefix}`, '--delete', '--exclude', '*.log']
    const dry = await ok([...args, '--dry-run'])
    expect(dry.stdout).toBe(`delete    ${prefix}old.txt\ndelete    ${prefix}x/old.txt\n`)
    expect(Object.keys(await stored())).toHaveLength(4)
    expect(summaryOf(await ok([...args, '--json']))).toMatchObject({ deleted: 2, skipped: 1, failed: 0 })
    expect(Object.keys(await stored())).toEqual(['a.txt', 'keep.log'])
  })

  it('keeps what the folder has as a symbolic link, and what is below one', async () => {
    await write({ 'a.txt': 'one' })
    await symlink('a.txt', join(folder, 'link'))
    await symlink('/nowhere', join(folder, 'linked'))
    for (const name of ['a.txt', 'link', 'link.txt', 'linked/x/y', 'linked-not'])
      await deployment.put(prefix + name, 'one')
    await ok(['sync', folder, `:${prefix}`, '--delete'])
    expect(Object.keys(await stored())).toEqual(['a.txt', 'link', 'linked/x/y'])
  })

  it('deletes what only the folder has', async () => {
    await write({ 'a.txt': 'one', 'old.txt': 'x', 'x/old.txt': 'y' })
    await deployment.put(`${prefix}a.txt`, 'one')
    expect(summaryOf(await ok(['sync', `:${prefix}`, folder, '--delete', '--json']))).toMatchObject({
      deleted: 2,
    })
    expect(await files()).toEqual({ 'a.txt': 'one' })
  })

  it('deletes nothing if the source is empty', async () => {
    await deployment.put(`${prefix}a.txt`, 'one')
    expect(await cli(['sync', folder, `:${prefix}`, '--delete'])).toMatchObject({ code: 3 })
    expect(Object.keys(await stored())).toEqual(['a.txt'])
    await write({ 'a.txt': 'one' })
    expect(await cli(['sync', `:${prefix}none/`, folder, '--delete'])).toMatchObject({ code: 3 })
    expect(await files()).toEqual({ 'a.txt': 'one' })
  })

  it('deletes nothing if something could not be transferred', async () => {
    await write({ 'old.txt': 'x' })
    await deployment.put(`${prefix}a//b`, 'x')
    await deployment.put(`${prefix}c`, 'x')
    const { code, stderr } = await cli(['sync', `:${prefix}`, folder, '--delete'])
    expect(stderr).toContain('nothing was deleted, because not everything could be transferred')
    expect(code).toBe(1)
    expect(await files()).toEqual({ c: 'x', 'old.txt': 'x' })
  })
})

describe('without a complete listing', () => {
  const broken = useDeployment({ fallbacks: [{ type: 'http', name: 'silent', url: old.url }] })

  it('objects of a backend that cannot list are found one by one, and --delete is refused', async () => {
    await write({ 'a.txt': 'same', 'b.txt': 'mine', 'c.txt': 'new' })
    await write({ 'a.txt': 'same', 'b.txt': 'old' }, join(oldMedia.path, prefix))
    await utimes(join(folder, 'a.txt'), 1, 1)
    const refused = await broken.cli(['sync', folder, `:${prefix}`, '--delete'])
    expect(refused.stderr).toContain('silent cannot list, so it is unknown what it holds')
    expect(refused.code).toBe(1)
    const ran = await broken.cli(['cp', folder, `:${prefix}`, '--json'])
    expect(ran.stderr).toContain('silent cannot list')
    expect(summaryOf(ran)).toMatchObject({ transferred: 2, skipped: 1, failed: 0 })
    expect(await (await broken.site.fetch(`${prefix}b.txt`)).text()).toBe('mine')
  })

  it('nothing is transferred or deleted while a backend fails', async () => {
    await write({ 'old.txt': 'x' })
    await broken.put(`${prefix}a.txt`, 'one')
    await broken.origin.close()
    for (const args of [
      [`:${prefix}`, folder],
      [folder, `:${prefix}`],
    ]) {
      const { code, stderr } = await broken.cli(['sync', ...args])
      expect(stderr).toContain('A backend failed: the listing would be incomplete')
      expect(code).toBe(1)
    }
    expect(await files()).toEqual({ 'old.txt': 'x' })
  })
})

describe('where reads of media get something else for what is missing', () => {
  let site: Site
  let substituting: Cli

  beforeAll(async () => {
    const production = {
      type: 'http',
      name: 'production',
      url: old.url,
      redirect: true,
      rewrite: [[String.raw`-\d+x\d+(\.jpg)$`, '$1']],
    }
    site = await startSite({
      storages: [{ type: 'r2', binding: 'MEDIA' }, production, { type: 'placeholder' }],
    })
    substituting = createCli(site.url, TOKEN)
  })

  afterAll(() => site?.close())

  it('files are uploaded in its place', async () => {
    await write({ 'a.jpg': 'original' }, join(oldMedia.path, prefix))
    await write({ 'a-10x10.jpg': 'derivative', 'new.jpg': 'new' })
    const one = await substituting(['cp', join(folder, 'a-10x10.jpg'), `:${prefix}`])
    expect(one.code, one.stderr).toBe(0)
    const ran = await substituting(['cp', folder, `:${prefix}`, '--json'])
    expect(summaryOf(ran)).toMatchObject({ transferred: 1, skipped: 1, failed: 0 })
    expect(await (await site.fetch(`${prefix}a-10x10.jpg`)).text()).toBe('derivative')
    expect(await (await site.fetch(`${prefix}new.jpg`)).text()).toBe('new')
  })

  it('only objects are downloaded', async () => {
    await write({ 'a.jpg': 'original' }, join(oldMedia.path, prefix))
    for (const name of ['none.jpg', 'a-10x10.jpg']) {
      expect(await substituting(['cp', `:${prefix}${name}`, folder])).toMatchObject({ code: 3 })
      expect(await substituting(['get', prefix + name, folder])).toMatchObject({ code: 3 })
    }
    const ran = await substituting(['cp', `:${prefix}a.jpg`, folder])
    expect(ran.code, ran.stderr).toBe(0)
    expect(await files()).toEqual({ 'a.jpg': 'original' })
  })
})

describe('where S3 is the primary, which lists a copy with another ETag than that of its source', () => {
  let s3: LocalS3
  let site: Site
  let withS3: Cli

  beforeAll(async () => {
    s3 = await startS3(['media'])
    const { accessKeyId, secretAccessKey } = CREDENTIALS
    const media = { type: 's3', endpoint: s3.endpoint, bucket: 'media', credentials: 'S3', read_only: false }
    site = await startSite({
      storages: [media, { type: 'http', url: old.url, listing: 'autoindex-json' }],
      vars: { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey },
    })
    withS3 = createCli(site.url, TOKEN)
  })

  afterAll(async () => {
    await site?.close()
    await s3?.close()
  })

  beforeEach(async () => {
    const copies = ['a.txt', 'extra.txt']
    await write(Object.fromEntries(copies.map((name) => [name, 'copy'])), join(oldMedia.path, prefix))
    const names = copies.map((name) => prefix + name)
    const migrated = await site.call('-/api/migrate', { method: 'POST', body: JSON.stringify({ names }) })
    const results = await migrated.text()
    if (!results.includes('"copied"')) throw new Error(results)
    await write({ 'a.txt': 'mine' })
  })

  it('copies are replaced and deleted', async () => {
    const ran = await withS3(['sync', folder, `:${prefix}`, '--delete', '--json'])
    expect(summaryOf(ran), ran.stderr).toMatchObject({ transferred: 1, deleted: 1, failed: 0 })
    expect(await (await site.fetch(`${prefix}a.txt`)).text()).toBe('mine')
    expect((await site.fetch(`${prefix}extra.txt`)).status).toBe(404)
  })

  it.each(['HEAD', 'PUT'])('a copy that was replaced before the %s is not overwritten', async (method) => {
    const change = async () => {
      await withS3(['put', '-', `${prefix}a.txt`], { stdin: 'next' })
    }
    const through = createCli(await intercepted(method, change, { to: site.url }), TOKEN)
    const { code, stderr } = await through(['cp', folder, `:${prefix}`])
    expect(stderr).toContain('it was changed there in the meantime, and is not overwritten')
    expect(code).toBe(1)
    expect(await (await site.fetch(`${prefix}a.txt`)).text()).toBe('next')
  })
})

it.each([
  { args: ['cp', 'a', 'b'], says: 'one side must be a folder and the other a deployment' },
  { args: ['cp', ':a/', ':b/'], says: 'objects are copied from or to a folder only' },
  { args: ['cp', '/no/such/folder', ':b/'], says: 'ENOENT' },
  { args: ['cp', '.', 'nowhere:b/'], says: 'there is no profile "nowhere"' },
  { args: ['cp', '.', ':/b/'], says: 'do not begin with "/"' },
  { args: ['sync', ':photos', '.'], says: 'ends in "/"' },
  { args: ['cp', '.', ':a/', '--max-concurrency', '0'], says: 'whole number' },
])('exits with 2 for $args and says why', async ({ args, says }) => {
  const { code, stderr } = await cli(args)
  expect(stderr).toContain(says)
  expect(code).toBe(2)
})

it('reports a refused token once', async () => {
  await write({ 'a.txt': 'one', 'b.txt': 'two' })
  const { code, stderr } = await createCli(deployment.site.url, 'wrong')(['cp', folder, `:${prefix}`])
  expect(stderr.match(/the bearer token is invalid/g)).toHaveLength(1)
  expect(code).toBe(4)
})
