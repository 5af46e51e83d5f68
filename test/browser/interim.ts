import { readFile } from 'node:fs/promises'
import type { BrowserContext } from 'playwright-core'

const FOLDER = new URL('../../src/assets/dashboard/', import.meta.url)
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; frame-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

export async function interim(context: BrowserContext, base: string): Promise<void> {
  if ((await fetch(`${base}-/`)).ok) return
  const types: Record<string, string> = {
    html: 'text/html',
    js: 'text/javascript',
    css: 'text/css',
    svg: 'image/svg+xml',
  }
  await context.route(
    (url) => url.href.split(/[?#]/)[0] === `${base}-/` || url.pathname.startsWith('/-/dashboard/'),
    async (route) => {
      const file = new URL(route.request().url()).pathname.replace(/^\/-\/(dashboard\/)?/, '') || 'index.html'
      const body = await readFile(new URL(file, FOLDER))
      await route.fulfill({
        body,
        contentType: types[file.split('.').at(-1) ?? ''] ?? 'text/plain',
        headers: { 'Content-Security-Policy': CSP, 'X-Content-Type-Options': 'nosniff' },
      })
    },
  )
}
