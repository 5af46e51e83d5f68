import { chromium, type Browser, type BrowserContext, type Locator, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect } from 'vitest'
import { startStack, type Stack, type StackOptions } from '../../demo/stack.ts'
import { CHROMIUM } from './chromium.ts'

export interface Look {
  theme?: 'light' | 'dark'
  width?: number
  reducedMotion?: boolean
  /** Default: yes, by a cookie. */
  signedIn?: boolean
  /** Requests that are meant to fail, as `STATUS /path`; Chromium logs each as an error. */
  failing?: RegExp
  /** Whether requests to other origins are meant to happen. */
  elsewhere?: boolean
}

export interface Visit {
  page: Page
  context: BrowserContext
  stack: Stack
  /** Opens an address of the dashboard, e.g. `#/browse/photos/`, and waits for its heading. */
  open(hash?: string): Promise<void>
}

/** A Worker and a browser for the tests of a file, and how to visit the dashboard with them. */
export function useDashboard(options: () => Promise<StackOptions> | StackOptions = () => ({})) {
  let stack: Stack
  let browser: Browser

  beforeAll(async () => {
    ;[stack, browser] = await Promise.all([startStack(await options()), chromium.launch(CHROMIUM)])
  })

  afterAll(async () => {
    await browser?.close()
    await stack?.stop()
  })

  /** Visits the dashboard in a new context. Whatever the page should never do fails the test. */
  async function withDashboard<T>(visit: (visit: Visit) => Promise<T>, look: Look = {}): Promise<T> {
    const context = await browser.newContext({
      viewport: { width: look.width ?? 1280, height: 800 },
      colorScheme: look.theme ?? 'light',
      reducedMotion: look.reducedMotion ? 'reduce' : 'no-preference',
      locale: 'en',
      timezoneId: 'UTC',
    })
    try {
      context.setDefaultTimeout(20_000)
      const base = `${stack.worker.url}-/`
      const misdeeds = await watch(context, new URL(base).origin, look)
      if (look.signedIn ?? true) await signIn(context, stack)
      const page = await context.newPage()
      const open = async (hash = '') => {
        await page.goto(base + hash)
        await page.locator('h1').waitFor()
      }
      const result = await visit({ page, context, stack, open })
      expect(misdeeds).toEqual([])
      return result
    } finally {
      await context.close()
    }
  }

  /** Calls the API as the operator, outside of the browser. */
  async function api<T>(method: string, route: string, body?: object): Promise<T> {
    const response = await fetch(`${stack.worker.url}-/api/${route}`, {
      method,
      headers: { Authorization: `Bearer ${stack.token}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  return { withDashboard, api, stack: () => stack }
}

export async function signIn(context: BrowserContext, { worker, token }: Stack): Promise<void> {
  await context.request.post(`${worker.url}-/api/session`, { data: { token }, failOnStatusCode: true })
}

/** Waits until a list shows so many pictures: one that is still requested when its object is deleted would be a 404. */
export async function picturesLoaded(page: Page, count: number): Promise<void> {
  await expect.poll(() => page.locator('.list-body img:not(.is-loading)').count()).toBe(count)
}

/** The same for the view of an object. */
export async function pictureLoaded(page: Page): Promise<void> {
  const picture = page.getByLabel('Preview', { exact: true }).locator('img')
  await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.complete)).toBe(true)
}

/** For `expect.poll`: a view gives the focus after it is rendered. */
export const isFocused = (element: Locator) => () => element.evaluate((one) => one === document.activeElement)

/** As somebody who comes back to the tab: what is polled is loaded at once. */
export async function lookAgain(page: Page): Promise<void> {
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
}

/** Errors, violations of the policy and requests to elsewhere, of all pages of the context. */
async function watch(
  context: BrowserContext,
  origin: string,
  { failing = /^$/, elsewhere = false }: Look,
): Promise<string[]> {
  const misdeeds: string[] = []
  await context.exposeBinding('reportViolation', (_, text: string) => misdeeds.push(text))
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile }) =>
      (globalThis as unknown as { reportViolation(text: string): void }).reportViolation(
        `policy: ${violatedDirective} ${blockedURI} ${sourceFile}`,
      ),
    )
  })
  context.on('weberror', (error) => misdeeds.push(`thrown: ${error.error().stack}`))
  context.on('console', (message) => {
    if (message.type() !== 'error') return
    const { pathname } = new URL(message.location().url || origin)
    const status = /responded with a status of (\d+)/.exec(message.text())?.[1]
    const problem = status === undefined ? message.text() : `${status} ${pathname}`
    if (!failing.test(problem)) misdeeds.push(`console: ${problem}`)
  })
  context.on('request', (request) => {
    const { protocol, origin: to } = new URL(request.url())
    // The viewer of PDFs is an extension of Chromium's own.
    if (!elsewhere && to !== origin && !['blob:', 'data:', 'chrome:', 'chrome-extension:'].includes(protocol))
      misdeeds.push(`request: ${request.url()}`)
  })
  return misdeeds
}
