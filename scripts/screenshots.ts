import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page, type Route } from 'playwright-core'
import { startStack, type Stack } from '../demo/stack.ts'
import { CHROMIUM } from '../test/browser/chromium.ts'
import { answer, NOW, VIEWS } from './screenshots/answers.ts'

/**
 * `npm run screenshots`: the pictures of the documentation, into docs/images.
 * `npm run screenshots -- FOLDER [VIEW …]`: these views (default: all) in both themes, 1280 and 360 pixels wide.
 */

const [folder, ...chosen] = process.argv.slice(2)
const DOCUMENTED = ['browse', 'object', 'migration', 'health', 'welcome']
const unknown = chosen.filter((view) => view !== 'sign-in' && !(view in VIEWS))
if (unknown.length > 0) {
  console.error(`No such view: ${unknown.join(', ')}. There are: sign-in, ${Object.keys(VIEWS).join(', ')}.`)
  process.exit(1)
}

interface Look {
  theme: 'light' | 'dark'
  width: number
}

const stack = await startStack({ port: 8787 })
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
}

/** Some of it has moved, one picture is deleted. */
async function prepare({ worker, token }: Stack): Promise<void> {
  const call = async (method: string, path: string, body?: string): Promise<void> => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    const response = await fetch(`${worker.url}${path}`, { method, headers, ...(body && { body }) })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    await response.arrayBuffer()
  }
  const names = ['photos/sun.png', 'video/testcard.mp4']
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
  page.on('console', (message) => message.type() === 'error' && console.error(`${view}: ${message.text()}`))
  page.on('pageerror', (error) => console.error(`${view}: ${error.stack}`))
  await page.clock.setFixedTime(NOW)
  await page.route('**/-/api/**', fixed)
  await page.goto(`${worker.url}-/${VIEWS[view] ?? ''}`)
  await page.locator('h1').waitFor()
  await page.locator('.skeleton, [aria-busy=true]').first().waitFor({ state: 'detached' })
  await page.waitForLoadState('networkidle')
  await page.evaluate(() => document.fonts.ready)
  return page
}

/** What the Worker answers, or what is shown in its place. */
async function fixed(route: Route): Promise<void> {
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
  const json = answer(path, searchParams, real)
  return route.fulfill({ status, json })
}
