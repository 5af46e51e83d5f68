import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { eventually } from '../kit/eventually.ts'
import { npm } from './npm.ts'

const ROOT = new URL('../..', import.meta.url).pathname
const TOKEN = 'change-me-0123456789'
const FILES = ['a.txt', 'b.txt', 'folder/c d.txt']
const QUEUE = { queueName: 'copies' }

/** What the code in docs/library.md takes from the code around it. */
const GIVEN = `
  interface Env { MEDIA: R2Bucket; API_TOKEN: string }
  declare namespace Cloudflare { interface Env { MEDIA: R2Bucket } }
  declare const app: import('hono').Hono<{ Bindings: Env }>
  declare const media: import('fallback-storage').App
  declare const token: string
  declare const file: File
`

let folder: string
let miniflare: Miniflare | undefined
let url: string

/** A tool of this repository, run in the example's folder. */
async function tool(path: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('node', [join(ROOT, 'node_modules', path), ...args], {
    cwd: folder,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1' },
  })
  return stdout
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fallback-storage-example-'))
  await cp(join(ROOT, 'examples/library'), folder, { recursive: true })
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<
    string,
    Record<string, string>
  >
  const { devDependencies: tools } = JSON.parse(
    await readFile(join(ROOT, 'package.json'), 'utf8'),
  ) as typeof manifest
  // TypeScript and wrangler are this repository's: they would be most of the install.
  const own = {
    ...manifest,
    dependencies: { ...manifest['dependencies'], 'fallback-storage': inject('tarball') },
    devDependencies: { '@cloudflare/workers-types': tools?.['@cloudflare/workers-types'] },
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify(own))
  await npm(folder, 'install')
  await writeFile(join(folder, 'src/given.d.ts'), GIVEN)
  const documentation = await readFile(join(ROOT, 'docs/library.md'), 'utf8')
  for (const [index, [, block]] of [...documentation.matchAll(/^```ts\n(.*?)^```$/gms)].entries())
    await writeFile(join(folder, `src/documented-${index}.ts`), `${block}\nexport {}\n`)
})

afterAll(async () => {
  await miniflare?.dispose()
  await rm(folder, { recursive: true, force: true })
})

describe('the example of the library', () => {
  it('compiles, as does the documentation, with the declarations of the package checked too', async () => {
    const printed = await tool('typescript/bin/tsc', '--project', '.').catch(
      (error: { stdout: string }) => error.stdout,
    )
    expect(printed).toBe('')
  })

  it('is built by wrangler', async () => {
    await tool('wrangler/bin/wrangler.js', 'deploy', '--dry-run', '--outdir', 'out')
    miniflare = new Miniflare(
      convertV4MiniflareOptions({
        host: '127.0.0.1',
        port: 0,
        workers: [
          {
            name: 'my-site',
            modules: [
              {
                type: 'ESModule',
                path: 'index.js',
                contents: await readFile(join(folder, 'out/index.js'), 'utf8'),
              },
            ],
            compatibilityDate: '2026-10-01',
            r2Buckets: { MEDIA: 'media' },
            d1Databases: { DB: 'db' },
            queueProducers: { COPY_QUEUE: QUEUE },
            queueConsumers: { [QUEUE.queueName]: { maxBatchTimeout: 0.1 } },
            durableObjects: {
              BACKFILL_JOBS: { className: 'BackfillJob', useSQLite: true },
              VERIFICATION_JOBS: { className: 'VerificationJob', useSQLite: true },
              JOB_INDEX: { className: 'JobIndex', useSQLite: true },
            },
            bindings: {
              SITE_URL: 'https://site.example',
              API_TOKEN: TOKEN,
              SIGNING_KEY: 'change-me-too-0123456789-0123456789',
              MEMBERS_PASSWORD: 'open sesame',
            },
          },
        ],
      }),
    )
    url = (await miniflare.ready).href
    const db = await miniflare.getD1Database('DB')
    await db.exec('CREATE TABLE files (name TEXT PRIMARY KEY, type TEXT, modified TEXT, bytes BLOB)')
    const insert = db.prepare('INSERT INTO files VALUES (?, ?, ?, ?)')
    for (const name of FILES)
      await insert
        .bind(name, 'text/plain', '2020-01-02T03:04:05Z', [...Buffer.from(`bytes of ${name}`)])
        .run()
    expect(await (await fetch(url)).text()).toBe('Welcome')
  })

  it('signs links to files for members only', async () => {
    const link = (name: string, headers: Record<string, string> = {}) =>
      fetch(`${url}members/${name}`, { headers, redirect: 'manual' })
    expect((await link('a.txt')).status).toBe(401)
    const member = { Authorization: `Basic ${btoa('member:open sesame')}` }
    expect((await link('none.txt', member)).status).toBe(404)
    const { status, headers } = await link('folder/c%20d.txt', member)
    const { pathname, search, origin } = new URL(headers.get('Location') ?? '')
    expect([status, origin, pathname]).toEqual([302, 'https://site.example', '/media/folder/c%20d.txt'])

    expect((await fetch(new URL(pathname, url))).status).toBe(403)
    const file = await fetch(new URL(pathname + search, url), { headers: { Range: 'bytes=9-' } })
    expect([file.status, await file.text(), file.headers.get('Content-Type')]).toEqual([
      206,
      'folder/c d.txt',
      'text/plain',
    ])
    expect(file.headers.get('Cache-Status')).toContain('d1')
  })

  it('moves the database into R2 by a job of its own Durable Objects and queue', async () => {
    const headers = { Authorization: `Bearer ${TOKEN}` }
    const job = await fetch(`${url}media/-/api/backfills`, { method: 'POST', headers })
    const { id } = (await job.json()) as { id: string }
    const ended = await eventually(
      () => 'the end of the backfill',
      async () => {
        const now = (await (await fetch(`${url}media/-/api/backfills/${id}`, { headers })).json()) as {
          state: string
        }
        return ['listing', 'running'].includes(now.state) ? null : now
      },
    )
    expect(ended).toMatchObject({ state: 'completed', failed: 0 })
    const bucket = await miniflare?.getR2Bucket('MEDIA')
    for (const name of FILES) expect(await (await bucket?.get(name))?.text()).toBe(`bytes of ${name}`)
  })
})
