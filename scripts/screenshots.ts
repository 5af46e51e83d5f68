import { mkdir, readdir, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page, type Route } from 'playwright-core'
import { startStack, type Stack } from '../demo/stack.ts'
import { CHROMIUM } from '../test/browser/chromium.ts'
import { mediaFolder, type MediaFolder } from '../test/kit/servers/media.ts'
import { answer, NOW, VIEWS } from './screenshots/answers.ts'

/**
 * `npm run screenshots`: the pictures of the documentation, into docs/images.
 * `npm run screenshots -- FOLDER [VIEW …]`: these views (default: all) in both themes, 1280 and 360 pixels wide.
 */

const [folder, ...chosen] = process.argv.slice(2)
const DOCUMENTED = ['browse', 'object', 'migration', 'sources', 'rollback', 'health']
const unknown = chosen.filter((view) => view !== 'sign-in' && !(view in VIEWS))
if (unknown.length > 0) {
  console.error(`No such view: ${unknown.join(', ')}. There are: sign-in, ${Object.keys(VIEWS).join(', ')}.`)
  process.exit(1)
}

const MODIFIED = new Date('2024-03-01T09:30:00Z')
const MORE: Record<string, string> = {
  'photos/2022/regatta.jpg': 'photos/harbour.jpg',
  'photos/2023/pier.jpg': 'photos/photo (1).jpg',
  'photos/beacon.png': 'photos/sun.png',
  'photos/evening.webp': 'photos/2024/fractal.webp',
  'photos/ferry.mp4': 'video/testcard.mp4',
  'photos/fog horn.mp3': 'audio/chime.mp3',
  'photos/lighthouse.jpg': 'photos/photo (1).jpg',
  'photos/opening hours.pdf': 'docs/leaflet.pdf',
  'photos/pulse.gif': 'graphics/pulse.gif',
  'photos/quay.jpg': 'photos/harbour.jpg',
  'photos/sunrise.png': 'photos/sun.png',
}

interface Look {
  theme: 'light' | 'dark'
  width: number
}

const media = await pictures()
const stack = await startStack({ port: 8787, media: media.path })
const browser = await chromium.launch(CHROMIUM)
try {
  await prepare(stack)
  if (folder === undefined)
    await take(DOCUMENTED, { theme: 'light', width: 1280 }, (view) =>
      fileURLToPath(new URL(`../docs/images/${view}.png`, import.meta.url)),
    )
  else
    for (const theme of ['light', 'dark'] as const)
      for (const width of [1280, 360])
        await take(
          chosen.length > 0 ? chosen : ['sign-in', ...Object.keys(VIEWS)],
          { theme, width },
          (view) => `${folder}/${view}-${width}-${theme}.png`,
        )
} finally {
  await browser.close()
  await stack.stop()
  await media.remove()
}

/** The demo's media with some more names, all of the same age. */
async function pictures(): Promise<MediaFolder> {
  const folder = await mediaFolder()
  for (const [name, of] of Object.entries(MORE)) {
    await mkdir(dirname(folder.file(name)), { recursive: true })
    await folder.alias(name, of)
  }
  for (const entry of await readdir(folder.path, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), MODIFIED, MODIFIED)
  return folder
}

/** Some of it has moved, one picture is deleted. */
async function prepare({ worker, token }: Stack): Promise<void> {
  const call = async (method: string, path: string, body?: string): Promise<void> => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    const response = await fetch(`${worker.url}${path}`, { method, headers, ...(body && { body }) })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    await response.arrayBuffer()
  }
  const names = ['beacon.png', 'ferry.mp4', 'quay.jpg', 'sunrise.png'].map((name) => `photos/${name}`)
  await call('POST', '-/api/migrate', JSON.stringify({ names }))
  await call('DELETE', '-/api/delete/graphics/pulse.gif')
}

async function take(views: readonly string[], look: Look, file: (view: string) => string): Promise<void> {
  for (const view of views) {
    const page = await open(browser, view, look)
    const path = file(view)
    await mkdir(new URL('.', `file://${path.startsWith('/') ? '' : `${process.cwd()}/`}${path}`), {
      recursive: true,
    })
    if (folder !== undefined)
      await page.setViewportSize({ width: look.width, height: await fullHeight(page) })
    await page.screenshot({ path, animations: 'disabled', caret: 'hide' })
    console.log(path)
    // What the page is still loading would fail with it.
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await page.context().close()
  }
}

/** A tall viewport rather than a picture of the full page, in which what is fixed would hang in the middle. */
function fullHeight(page: Page): Promise<number> {
  return page.evaluate(() => Math.min(4000, Math.max(innerHeight, document.documentElement.scrollHeight)))
}

async function open(from: Browser, view: string, { theme, width }: Look): Promise<Page> {
  const context = await from.newContext({
    viewport: { width, height: width < 600 ? 760 : 800 },
    deviceScaleFactor: 1,
    colorScheme: theme,
    reducedMotion: 'reduce',
    locale: 'en',
    timezoneId: 'UTC',
  })
  const { worker, token } = stack
  if (view !== 'sign-in')
    await context.request.post(`${worker.url}-/api/session`, { data: { token }, failOnStatusCode: true })
  const page = await context.newPage()
  page.on(
    'console',
    (message) =>
      message.type() === 'error' && console.error(`${view}: ${message.text()} ${message.location().url}`),
  )
  page.on('pageerror', (error) => console.error(`${view}: ${error.stack}`))
  await page.clock.setFixedTime(NOW)
  await page.route('**/-/api/**', (route) => fixed(route, view))
  await page.goto(`${worker.url}-/${VIEWS[view] ?? ''}`)
  await page.locator('h1').waitFor()
  await page.locator('.skeleton, [aria-busy=true]').first().waitFor({ state: 'detached' })
  await page.waitForLoadState('networkidle')
  await page.evaluate(() => document.fonts.ready)
  return page
}

/** What the Worker answers, or what is shown in its place. */
async function fixed(route: Route, view: string): Promise<void> {
  const { pathname, searchParams } = new URL(route.request().url())
  const path = pathname.replace(/^.*\/-\/api\//, '')
  const response = await route.fetch()
  if (!response.headers()['content-type']?.includes('json')) return route.fulfill({ response })
  const text = await response.text()
  // What is made up exists for no Worker: only a real answer has a real status.
  let status = 200
  const real = () => {
    status = response.status()
    return text.replaceAll(stack.origin.url, 'https://old.example.com/media/')
  }
  const json = answer(path, searchParams, real, view)
  return route.fulfill({ status, json })
}
