import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { close, listen } from '../kit/servers/listen.ts'
import { npm } from './npm.ts'

let folder: string
let server: Server
let url: string

beforeAll(async () => {
  server = createServer((_, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ exists: true }))
  })
  url = await listen(server)
  folder = await mkdtemp(join(tmpdir(), 'fallback-storage-exports-'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  // Without wrangler, which is most of an install and not used here.
  await npm(folder, 'install', '--omit=peer', inject('tarball'), 'hono@4')
})

afterAll(async () => {
  await close(server)
  await rm(folder, { recursive: true, force: true })
})

/** The code as a bundler makes it for a page. */
async function bundle(contents: string): Promise<{ code: string; modules: string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    external: ['cloudflare:*', 'node:*'],
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    metafile: true,
  })
  const modules = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs))
  return {
    code: outputFiles[0]?.text ?? '',
    modules: modules
      .filter((path) => path.includes('node_modules'))
      .map((path) => path.replace(/.*node_modules\//, '')),
  }
}

describe('fallback-storage/client', () => {
  it('runs in Node', async () => {
    const script = `
      import { createClient } from 'fallback-storage/client'
      console.log(await createClient({ url: '${url}' }).exists('a b.jpg'))
    `
    await writeFile(join(folder, 'use-client.js'), script)
    const { stdout } = await promisify(execFile)('node', ['use-client.js'], { cwd: folder })
    expect(stdout).toBe('true\n')
  })

  it('runs in a Worker', async () => {
    const { code } = await bundle(`
      import { createClient } from 'fallback-storage/client'
      export default { fetch: async () => Response.json(await createClient({ url: '${url}' }).exists('a b.jpg')) }
    `)
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        host: '127.0.0.1',
        port: 0,
        modules: true,
        script: code,
        compatibilityDate: '2026-10-01',
      }),
    )
    try {
      expect(await (await fetch(await miniflare.ready)).text()).toBe('true')
    } finally {
      await miniflare.dispose()
    }
  })

  it('is small in a page that uses one method, since it brings no library', async () => {
    const { code, modules } = await bundle(`
      import { createClient } from 'fallback-storage/client'
      document.title = String(await createClient({ url: '${url}' }).exists('a b.jpg'))
    `)
    expect(modules).toEqual([
      'fallback-storage/dist/client/request.js',
      'fallback-storage/dist/client/client.js',
    ])
    expect(gzipSync(code).length).toBeLessThan(3 * 1024)
  })

  it('leaves nothing but what is imported', async () => {
    const { code } = await bundle(`
      import { mediaBase } from 'fallback-storage/client'
      document.title = mediaBase(location.href)
    `)
    expect(code.length).toBeLessThan(600)
    expect((await bundle(`import 'fallback-storage/client'`)).code).toBe('')
  })
})

it('leaves almost nothing of the Worker where only an error is imported', async () => {
  const { code } = await bundle(
    `import { StorageError } from 'fallback-storage'; export default StorageError`,
  )
  expect(code.length).toBeLessThan(5000)
})
