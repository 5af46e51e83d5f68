import { chromium, type Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CHROMIUM } from './chromium.ts'

let browser: Browser

beforeAll(async () => {
  browser = await chromium.launch(CHROMIUM)
})

afterAll(() => browser?.close())

it.each([1280, 800, 400])('the page of errors cuts no code in two, %s pixels wide', async (width) => {
  const page = await browser.newPage({ viewport: { width, height: 900 } })
  await page.goto(new URL('../../src/assets/errors.html', import.meta.url).href)
  const lines = await page.evaluate(`Object.fromEntries(
    [...document.querySelectorAll('th code')]
      .filter((code) => !code.textContent.includes('-'))
      .map((code) => [code.textContent, code.getClientRects().length])
  )`)
  expect(lines).toMatchObject({ absent: 1, unsatisfiable: 1 })
  expect(new Set(Object.values(lines as Record<string, number>))).toEqual(new Set([1]))
})
