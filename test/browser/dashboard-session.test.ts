import { describe, expect, it } from 'vitest'
import { isFocused, useDashboard, type Visit } from './dashboard.ts'

const { withDashboard } = useDashboard()

/** Loses the cookie on one view and opens another: the dialog that asks to sign in again. */
async function expireSession({ page, context, open }: Pick<Visit, 'page' | 'context' | 'open'>) {
  await open('#/browse/photos/')
  await page.getByText('harbour.jpg').first().waitFor()
  await context.clearCookies()
  await page.getByRole('link', { name: 'Health' }).click()
  const dialog = page.getByRole('dialog', { name: 'Sign in again' })
  await dialog.waitFor()
  return dialog
}

/** What Chromium logs while nobody is signed in. */
const UNAUTHORIZED = /^40[13] \/-\/api\//

describe('signing in', () => {
  it('takes a token once, then a cookie that scripts cannot read, until somebody signs out', () =>
    withDashboard(
      async ({ page, context, stack, open }) => {
        await open('#/browse/photos/')
        await page.getByLabel('API token').fill(stack.token)
        await page.keyboard.press('Enter')
        await page.getByRole('heading', { name: 'photos' }).waitFor()
        expect(new URL(page.url()).hash).toBe('#/browse/photos/')
        expect(await page.evaluate(() => document.cookie)).toBe('')
        expect(
          await page.evaluate(() => Object.entries(localStorage).concat(Object.entries(sessionStorage))),
        ).toEqual([])
        const [cookie] = await context.cookies(`${stack.worker.url}-/`)
        expect(cookie).toMatchObject({ path: '/-/', httpOnly: true, sameSite: 'Strict' })

        await page.reload()
        await page.getByRole('heading', { name: 'photos' }).waitFor()
        await page.getByRole('button', { name: 'Sign out' }).click()
        await page.getByLabel('API token').waitFor()
        expect(await context.cookies(`${stack.worker.url}-/`)).toEqual([])
        await page.reload()
        await page.getByLabel('API token').waitFor()
      },
      { signedIn: false, failing: UNAUTHORIZED },
    ))

  it('says that a token is wrong, and takes the right one afterwards', () =>
    withDashboard(
      async ({ page, stack, open }) => {
        await open()
        const token = page.getByLabel('API token')
        await token.fill('wrong')
        await page.getByRole('button', { name: 'Sign in' }).click()
        await page.getByRole('alert').waitFor()
        expect(await token.getAttribute('aria-invalid')).toBe('true')
        await token.fill(stack.token)
        await page.getByRole('button', { name: 'Sign in' }).click()
        await page.getByRole('navigation', { name: 'Views' }).waitFor()
      },
      { signedIn: false, failing: UNAUTHORIZED },
    ))

  it('by the token of the fragment leaves it neither in the address nor in the history', () =>
    withDashboard(
      async ({ page, stack, open }) => {
        await open(`#token=${stack.token}`)
        await page.getByRole('navigation', { name: 'Views' }).waitFor()
        await expect.poll(() => new URL(page.url()).hash).toBe('#/welcome')
        await page.getByRole('link', { name: 'Health' }).click()
        await page.waitForURL(/#\/health$/)
        await page.goBack()
        await page.waitForURL(/#\/welcome$/)
        expect(page.url()).not.toContain(stack.token)
      },
      { signedIn: false },
    ))

  it('says that the token of the fragment is wrong', () =>
    withDashboard(
      async ({ page, open }) => {
        await open('#token=of-an-earlier-start')
        await page.getByRole('alert').getByText('The token in the address was refused').waitFor()
        await expect.poll(() => page.url()).not.toContain('of-an-earlier-start')
      },
      { signedIn: false, failing: UNAUTHORIZED },
    ))

  it('by Cloudflare Access is done by loading the page again, and not by a token', () =>
    withDashboard(
      async ({ page, context, open }) => {
        await page.route('**/-/api/session', async (route) => {
          const response = await route.fetch()
          await route.fulfill({ response, json: { ...(await response.json()), via: 'access' } })
        })
        const dialog = await expireSession({ page, context, open })
        expect(await dialog.getByLabel('API token').count()).toBe(0)
        await dialog.getByRole('button', { name: 'Load again' }).click()
        await page.getByText('Sign in with an API token of this deployment.').waitFor()
      },
      { failing: UNAUTHORIZED },
    ))

  it('keeps the view under the form when the session expires', () =>
    withDashboard(
      async ({ page, context, stack, open }) => {
        const dialog = await expireSession({ page, context, open })
        await page.keyboard.press('Escape')
        expect(await dialog.isVisible()).toBe(true)
        await dialog.getByLabel('API token').fill(stack.token)
        await page.keyboard.press('Enter')
        await dialog.waitFor({ state: 'detached' })
        await page.getByRole('heading', { level: 1, name: 'Health' }).waitFor()
      },
      { failing: UNAUTHORIZED },
    ))
})

describe('addresses', () => {
  it('open any view directly, go back and forward, and say where there is none', () =>
    withDashboard(async ({ page, open }) => {
      const heading = page.getByRole('heading', { level: 1 })
      const titled = (title: string) =>
        page.waitForFunction((expected) => document.title === `${expected} · fallback-storage`, title)
      for (const [hash, title] of Object.entries({
        '#/migration': 'Migration',
        '#/health': 'Health',
        '#/welcome': 'Welcome',
        '#/object/photos/harbour.jpg': 'harbour.jpg',
        '#/': 'All media',
      })) {
        await page.goto('about:blank')
        await open(hash)
        await titled(title)
      }
      for (const view of ['Health', 'Migration'])
        await page.getByRole('link', { name: view, exact: true }).click()
      await page.getByRole('heading', { level: 1, name: 'Migration' }).waitFor()
      await page.goBack()
      await page.getByRole('heading', { level: 1, name: 'Health' }).waitFor()
      await page.goForward()
      await page.getByRole('heading', { level: 1, name: 'Migration' }).waitFor()
      await expect.poll(isFocused(heading)).toBe(true)
      await page.evaluate(() => (location.hash = '#/nowhere'))
      await page.getByText('There is no such page').waitFor()
    }))
})

it('shows a newcomer a picture that moves, is deleted and comes back', () =>
  withDashboard(
    async ({ page, stack, open }) => {
      await open(`#token=${stack.token}`)
      const stage = page.getByRole('region', { name: 'The picture and where it is' })
      const result = (text: string) => page.getByRole('listitem').getByText(text).waitFor()
      const click = (name: string) => page.getByRole('button', { name, exact: true }).click()
      await stage.getByText('would copy it to media').waitFor()
      await click('Request it')
      await result('fwd=uri-miss; stored; detail=legacy')
      await click('Request it again')
      await result('hit; detail=media')
      await stage.getByText('A read is answered by media').waitFor()
      await click('Delete it')
      await result('"exists": false')
      await stage.getByText('A read gets 404').waitFor()
      await click('Undelete')
      await result('legacy serves it again')
      await page.getByRole('link', { name: 'Go to Migration' }).click()
      await page.getByRole('heading', { level: 1, name: 'Migration' }).waitFor()
      await expect.poll(() => new URL(page.url()).hash).toBe('#/migration')
    },
    { signedIn: false },
  ))
