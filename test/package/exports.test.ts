import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:http'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { npm } from './npm.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fallback-storage-exports-'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  await npm(folder, 'install', inject('tarball'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

it('has the client, which Node runs', async () => {
  const server = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ name: request.url, exists: true }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const address = server.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    const script = `
      import { createClient } from 'fallback-storage/client'
      console.log(await createClient({ url: 'http://127.0.0.1:${port}/' }).exists('a b.jpg'))
    `
    await writeFile(join(folder, 'use-client.js'), script)
    const { stdout } = await promisify(execFile)('node', ['use-client.js'], { cwd: folder })
    expect(stdout).toBe('true\n')
  } finally {
    server.close()
  }
})
