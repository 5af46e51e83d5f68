import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { close, listen } from '../kit/servers/listen.ts'

export const repository = fileURLToPath(new URL('../../', import.meta.url))

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

/** Builds the docs as users do, which fails at a broken link, and serves them. */
export async function startSite(): Promise<{ url: string; stop: () => Promise<void> }> {
  execFileSync('npm', ['run', '--silent', 'docs'], {
    cwd: repository,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const folder = join(repository, 'docs/.vitepress/dist')
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site')
    const file = join(folder, decodeURIComponent(pathname === '/' ? '/index.html' : pathname))
    readFile(file).then(
      (bytes) => response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'text/plain' }).end(bytes),
      () => response.writeHead(404).end(),
    )
  })
  return { url: await listen(server), stop: () => close(server) }
}
