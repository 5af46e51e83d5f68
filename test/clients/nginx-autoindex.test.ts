import { hash } from 'node:crypto'
import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareNames } from '../../src/storage/order.ts'
import type { Call } from '../kit/http-report.ts'
import { startRemoteHttp, type RemoteHttp } from '../kit/worker/remote-http.ts'
import { startNginx, type Nginx } from '../kit/servers/nginx.ts'

const NAMES = [
  'a.jpg',
  'a/1.jpg',
  'a/b/2.jpg',
  'a0.jpg',
  'odd/50%.txt',
  'odd/a b+c.txt',
  'odd/a&b=c;d@e,f.txt',
  'odd/q?uery#hash.txt',
  'odd/quo"te\'s and \\ back.txt',
  'odd/(paren) [bracket] {brace} $!*~.txt',
  'odd/ünïcode/\u{1f600}.txt',
  'odd/ünïcode/\ufb01.txt',
  'odd/日本語.txt',
  'photos/2023/1.jpg',
  'photos/2024/1.jpg',
  'photos/2024/2.jpg',
].toSorted(compareNames)
const MODIFIED = new Date('2024-05-01T12:00:00Z')

let nginx: Nginx
let backend: RemoteHttp

beforeAll(async () => {
  nginx = await startNginx()
  backend = await startRemoteHttp()
  for (const name of NAMES) {
    const path = join(nginx.root, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, name)
    await utimes(path, MODIFIED, MODIFIED)
  }
})
afterAll(async () => {
  await backend.stop()
  await nginx.stop()
})

function call(name = ''): Pick<Call, 'options' | 'name'> {
  return { options: { url: nginx.url, listing: 'autoindex-json' }, name }
}

async function pagesOf(list: NonNullable<Call['list']>) {
  const pages = []
  let cursor: string | undefined
  do {
    const position = cursor === undefined ? {} : { cursor }
    const { page } = await backend.run({ ...call(), operation: 'list', list: { ...list, ...position } })
    if (!page) throw new Error('no page')
    pages.push(page)
    cursor = page.cursor
  } while (cursor !== undefined)
  return pages
}

describe('the tree of a real nginx', () => {
  it.each([1, 3, 1000])('is listed whole and in order, in pages of %i', async (limit) => {
    const pages = await pagesOf({ limit })
    expect(pages.flatMap(({ objects }) => objects.map(({ name }) => name))).toEqual(NAMES)
  })

  it('is listed with the sizes and times of its objects', async () => {
    const [page] = await pagesOf({ prefix: 'photos/' })
    for (const object of page?.objects ?? []) {
      const { info } = await backend.run({ ...call(object.name), operation: 'head' })
      expect(info).toMatchObject(object)
      expect(object).toMatchObject({ size: object.name.length, modified: MODIFIED.toISOString() })
    }
    expect(page?.objects).toHaveLength(3)
  })

  it('is listed level by level', async () => {
    expect(await pagesOf({ delimiter: '/' })).toMatchObject([
      { objects: [{ name: 'a.jpg' }, { name: 'a0.jpg' }], directories: ['a/', 'odd/', 'photos/'] },
    ])
  })

  it('can be read by its listed names', async () => {
    for (const name of NAMES) {
      const { body } = await backend.run({ ...call(name), operation: 'get' })
      expect(body).toEqual({ length: Buffer.byteLength(name), sha256: hash('sha256', Buffer.from(name)) })
    }
  })

  it('has no objects that are directories', async () => {
    for (const name of ['photos', 'photos/', 'photos/2024'])
      expect(await backend.run({ ...call(name), operation: 'get' })).toEqual({ absent: true })
  })

  it('returns the ETag that would be derived for an origin without one', async () => {
    const { info } = await backend.run({ ...call('a.jpg'), operation: 'head' })
    expect(info?.etag).toBe(`"${(MODIFIED.getTime() / 1000).toString(16)}-5"`)
  })

  it('ends although a directory links to one above it', async () => {
    await mkdir(join(nginx.root, 'zz'))
    await symlink('..', join(nginx.root, 'zz/loop'))
    const [first] = await pagesOf({ prefix: 'zz/loop/photos/' })
    expect(first?.objects.map(({ name }) => name)).toContain('zz/loop/photos/2024/2.jpg')
  })
})
