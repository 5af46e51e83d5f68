import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { overflow, violations } from './accessibility.ts'
import { CHROMIUM } from './chromium.ts'
import { repository, startSite } from './site.ts'

/** Pages with everything that a page can have: drawings, pictures, wide tables, long code. */
const PAGES = ['index', 'operations', 'deletes', 's3', 'configuration', 'settings', 'api']
const SCREENSHOTS = join(repository, 'docs/.vitepress/screenshots')

let browser: Browser
let site: Awaited<ReturnType<typeof startSite>>

beforeAll(async () => {
  ;[browser, site] = await Promise.all([chromium.launch(CHROMIUM), startSite()])
})

afterAll(async () => {
  await browser?.close()
  await site?.stop()
})

/** A page whose errors, and requests to other hosts, are in `problems`. */
async function open(path: string): Promise<{ page: Page; problems: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  const problems: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('request', (request) => {
    const isOwn = request.url().startsWith(site.url) || request.url().startsWith('data:')
    if (!isOwn) problems.push(`requests ${request.url()}`)
  })
  await page.goto(`${site.url}${path}.html`, { waitUntil: 'networkidle' })
  return { page, problems }
}

it.each(PAGES)('%s looks right on a phone and on a desk, in both themes', async (path) => {
  const { page, problems } = await open(path)
  for (const width of [1280, 360])
    for (const theme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme: theme })
      await page.screenshot({ path: join(SCREENSHOTS, `${path}-${width}-${theme}.png`) })
      expect([width, theme, await overflow(page)]).toEqual([width, theme, []])
    }
  expect(problems).toEqual([])
  await page.close()
})

it.each(['index', 's3'])('%s has no barrier that axe finds', async (path) => {
  const { page } = await open(path)
  expect(await violations(page, path)).toEqual([])
  await page.close()
})

it('finds a setting by its name, without asking another server', async () => {
  const { page, problems } = await open('index')
  await page.keyboard.press('Control+k')
  await page.locator('#localsearch-input').fill('FALLBACK_INLINE_MAX_BYTES')
  await page.locator('.VPLocalSearchBox .result').first().waitFor()
  await page.screenshot({ path: join(SCREENSHOTS, 'search.png') })
  await expect.poll(() => page.locator('.VPLocalSearchBox .results').textContent()).toContain('Variables')
  // Other pages mention the setting, too.
  await page.locator(':is(a.result[href*="/settings"], a.result[href*="/configuration"])').first().click()
  await page.waitForURL(/\/(settings|configuration)\.html/)
  expect(problems).toEqual([])
  await page.close()
})

it('shows drawings in the theme that the reader chose, whatever the system prefers', async () => {
  const { page } = await open('index')
  const drawing = page.locator('img[src*="read-path"]')
  const light = await drawing.screenshot()
  await page.locator('.VPNavBarAppearance button').click()
  await page.waitForFunction(() => document.documentElement.classList.contains('dark'))
  await expect.poll(async () => light.equals(await drawing.screenshot())).toBe(false)
  await page.close()
})

it('opens its three paths from every page, on a phone too', async () => {
  const { page } = await open('s3')
  await page.setViewportSize({ width: 360, height: 800 })
  await page.locator('.VPNavBarHamburger').click()
  for (const topic of ['Start here', 'How to', 'Reference'])
    await page.locator('.VPNavScreen').getByRole('link', { name: topic }).waitFor()
  await page.screenshot({ path: join(SCREENSHOTS, 'menu-360.png') })
  await page.locator('.VPNavScreen').getByRole('link', { name: 'Reference' }).click()
  await page.waitForURL(/\/configuration\.html/)
  // The address is the new one before the page is loaded.
  await expect.poll(() => page.locator('h1').textContent()).toContain('Configuration')
  await page.close()
})
