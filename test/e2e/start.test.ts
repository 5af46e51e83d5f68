import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

it('starts the demo with its dashboard, migrates the picture that it names, lists it for S3 clients, and ends on Ctrl-C with nothing left behind', async () => {
  const demo = spawn(process.execPath, ['scripts/start.ts'], {
    cwd: PROJECT,
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(demo, 'exit')
  try {
    const printed = await printedUntil(demo.stdout, 'Ctrl-C')
    const dashboard = /(http\S+)#token=/.exec(printed)?.[1] ?? ''
    expect(await (await fetch(dashboard)).text()).toContain('<div id="app">')
    const photo = /Media +(\S+)/.exec(printed)?.[1] ?? ''
    expect(await cacheStatus(photo)).toBe('fallback-storage; fwd=uri-miss; stored; detail=legacy')
    await expect.poll(() => cacheStatus(photo)).toBe('fallback-storage; hit; detail=media')
    const command = /^ *(curl .*--aws-sigv4 .*)$/m.exec(printed)?.[1] ?? ''
    const { stdout: listing } = await promisify(execFile)('/bin/sh', ['-c', command])
    expect(listing).toContain('<Key>photos/harbour.jpg</Key>')
    expect((await fetch(new URL('/photos', photo))).status).toBe(404)
    demo.kill('SIGINT')
    expect(await ended).toEqual([0, null])
    await expect(fetch(photo)).rejects.toThrow('fetch failed')
  } finally {
    if (demo.exitCode === null) demo.kill('SIGTERM')
  }
}, 120_000)

async function printedUntil(stream: Readable, text: string): Promise<string> {
  let printed = ''
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    printed += String(chunk)
    if (printed.includes(text)) return printed
  }
  throw new Error(`the demo ended without printing "${text}":\n${printed}`)
}

async function cacheStatus(url: string): Promise<string | null> {
  const response = await fetch(url)
  await response.arrayBuffer()
  return response.headers.get('cache-status')
}
