import { mkdir } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dependence } from '../../scripts/screenshots/answers.ts'
import type { Backfill, Verification } from '../../src/client/client.ts'
import { eventually } from '../kit/eventually.ts'
import { mediaFolder, mediaUrl, type MediaFolder } from '../kit/servers/media.ts'
import { tabThrough, violations } from './accessibility.ts'
import { isFocused, lookAgain, pictureLoaded, picturesLoaded, useDashboard, type Visit } from './dashboard.ts'
import { startTestOrigin, type TestOrigin } from './origin.ts'

/** Of almost 1,024 bytes, as long as a file system allows, and denied by the origin. */
const LONG_FOLDER = `docs/${`${'w'.repeat(250)}/`.repeat(3)}`
const LONG = `${LONG_FOLDER}${'w'.repeat(250)}.bin`

let media: MediaFolder
let origin: TestOrigin
const jobs = { backfill: '', dryRun: '', paused: '', verification: '' }
const { withDashboard, api, stack } = useDashboard(async () => {
  media = await mediaFolder()
  await mkdir(media.file(LONG_FOLDER), { recursive: true })
  await media.alias(LONG, 'photos/sun.png')
  origin = await startTestOrigin(media.path)
  origin.denied = new Set(['docs/leaflet.pdf', LONG])
  return { origin }
})

beforeAll(async () => {
  const ended = <Job extends Backfill | Verification>(kind: string, { id }: Job): Promise<Job> =>
    eventually(
      () => `the end of ${kind}/${id}`,
      async () => {
        const job = await api<Job>('GET', `${kind}/${id}`)
        return job.finished === null ? null : job
      },
      { interval: 200 },
    )
  const backfill = (request: object) => api<Backfill>('POST', 'backfills', request)
  jobs.dryRun = (await ended('backfills', await backfill({ dry_run: true }))).id
  jobs.backfill = (await ended('backfills', await backfill({ prefix: 'docs/' }))).id
  jobs.verification = (await ended('verifications', await api<Verification>('POST', 'verifications', {}))).id
  jobs.paused = (await backfill({ prefix: 'video/', max_per_second: 1 })).id
  await api('POST', `backfills/${jobs.paused}/pause`)
  await api('DELETE', 'delete/graphics/pulse.gif')
  await api('DELETE', 'delete/audio/chime.mp3')
  const { worker, token } = stack()
  await fetch(mediaUrl(worker.url, 'docs/only-here.txt'), {
    method: 'PUT',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'text/plain' },
    body: 'text\n'.repeat(200),
  })
})
afterAll(() => media.remove())

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const dialog = (page: Page) => page.getByRole('dialog').waitFor()

/** An address and what is awaited there. */
const VIEWS: Record<string, { hash: string; shows: string }> = {
  'the root': { hash: '#/', shows: 'photos' },
  'a folder': { hash: '#/browse/photos/', shows: 'harbour.jpg' },
  'a folder with a long name': { hash: `#/browse/${LONG_FOLDER}`, shows: 'www' },
  'a folder that never was': { hash: '#/browse/nothing/', shows: 'Nothing is stored in this folder' },
  'a folder of deleted objects': { hash: '#/browse/audio/', shows: 'Everything here is deleted' },
  'a filter that matches nothing': { hash: '#/browse/photos/?prefix=zz', shows: 'No name begins like that' },
  'a picture': { hash: '#/object/photos/harbour.jpg', shows: 'The chain' },
  'a video': { hash: '#/object/video/testcard.mp4', shows: 'The chain' },
  'a text': { hash: '#/object/docs/only-here.txt', shows: 'The chain' },
  'a long name': { hash: `#/object/${LONG}`, shows: 'The chain' },
  'a deleted object': { hash: '#/object/graphics/pulse.gif', shows: 'Undelete' },
  'an object that never was': { hash: '#/object/nothing.jpg', shows: 'No backend has it' },
  'a paused backfill': { hash: '#/migration', shows: 'paused' },
  'a certificate': { hash: '', shows: 'Reasons against detaching' },
  health: { hash: '#/health', shows: 'legacy' },
  welcome: { hash: '#/welcome', shows: 'Move everything' },
  'an address of nothing': { hash: '#/nowhere', shows: 'There is no such page' },
}
const address = (state: string): string =>
  state === 'a certificate' ? `#/verification/${jobs.verification}` : (VIEWS[state]?.hash ?? '')

async function show({ page, open }: Visit, state: string): Promise<void> {
  await open(address(state))
  await page
    .getByRole('main')
    .getByText(VIEWS[state]?.shows ?? '')
    .first()
    .waitFor()
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' })
}

describe('a view', () => {
  it.each(Object.keys(VIEWS))('pleases axe, narrow and wide, and can be reached by keyboard: %s', (state) =>
    withDashboard(async (visit) => {
      const { page } = visit
      await show(visit, state)
      expect(await violations(page, state)).toEqual([])
      const stops = await tabThrough(page)
      // The links of the rail at least.
      expect(stops.length).toBeGreaterThan(5)
      expect(stops.filter(({ hasOutline }) => !hasOutline)).toEqual([])
      await page.emulateMedia({ reducedMotion: 'reduce' })
      expect(await movements(page)).toEqual([])
    }),
  )
})

describe('axe finds nothing, and nothing scrolls sideways,', () => {
  it('in the form to sign in, also with an error', () =>
    withDashboard(
      async ({ page, open }) => {
        await open()
        expect(await violations(page, 'sign-in')).toEqual([])
        await page.getByLabel('API token').fill('wrong')
        await page.keyboard.press('Enter')
        await page.getByRole('alert').waitFor()
        expect(await violations(page, 'sign-in with an error')).toEqual([])
      },
      { signedIn: false, failing: /^401 / },
    ))

  const STATES: Record<string, (visit: Visit) => Promise<void>> = {
    'a folder as tiles, with a selection': async (visit) => {
      await show(visit, 'a folder')
      await button(visit.page, 'Tiles').click()
      await visit.page.getByRole('checkbox', { name: 'Select harbour.jpg' }).check()
    },
    'the list with a selection': async (visit) => {
      await show(visit, 'a folder')
      await visit.page.getByRole('checkbox', { name: 'Select harbour.jpg' }).check()
    },
    'the list of uploads': async (visit) => {
      await show(visit, 'a folder')
      await visit.page
        .getByLabel('Files to upload')
        .setInputFiles([{ name: 'uploaded.txt', mimeType: 'text/plain', buffer: Buffer.from('text') }])
      await visit.page.getByText('1 file uploaded').waitFor()
      await visit.page.getByRole('row', { name: 'uploaded.txt' }).waitFor()
    },
    'the dialog of keys': async (visit) => {
      await show(visit, 'a folder')
      await visit.page.keyboard.press('?')
      await dialog(visit.page)
    },
    'the question before a final delete': async (visit) => {
      await show(visit, 'a text')
      await button(visit.page, 'Delete').click()
      await dialog(visit.page)
    },
    'a message with an action': async (visit) => {
      await visit.open('#/object/photos/2024/fractal.webp')
      await pictureLoaded(visit.page)
      await button(visit.page, 'Delete').click()
      await button(visit.page, 'Undo').waitFor()
    },
    'the dialog to start a backfill': async (visit) => {
      await show(visit, 'a paused backfill')
      await button(visit.page, 'Start a backfill …').click()
      await dialog(visit.page)
    },
    'the result of a dry run': async (visit) => {
      await show(visit, 'a paused backfill')
      await button(visit.page, 'Start a backfill …').click()
      await button(visit.page, 'Dry run').click()
      await button(visit.page, 'Start copying').waitFor()
    },
    'the question before a cancel': async (visit) => {
      await show(visit, 'a paused backfill')
      await button(visit.page, 'Cancel').click()
      await dialog(visit.page)
    },
    'the dialog to verify': async (visit) => {
      await show(visit, 'a paused backfill')
      await button(visit.page, 'Verify …').click()
      await visit.page.getByText('Accept what cannot be compared').click()
    },
    'a backfill with failures': async ({ page, open }) => {
      await open(`#/migration/${jobs.backfill}`)
      await page.getByRole('button', { name: 'denied' }).click()
      await page.getByRole('link', { name: 'docs/leaflet.pdf' }).waitFor()
      await page.getByText('Figures').first().click()
    },
    'what still needs the old storage': async ({ page, open }) => {
      await page.route('**/-/api/dependence', (request) => request.fulfill({ json: dependence }))
      await open('#/migration')
      const section = page.getByRole('region', { name: 'Who still needs the old storage' })
      await section.getByRole('button', { name: 'Show 2 more folders' }).click()
      await section.getByRole('link', { name: 'audio/' }).waitFor()
      await section.getByText('The latest that differed').click()
      await section.getByRole('button', { name: 'Year' }).click()
      await section.getByText('In intervals of 1 d').waitFor()
    },
    'a running verification beside the last certificate': async ({ page, open }) => {
      const last = await api<Verification>('GET', `verifications/${jobs.verification}`)
      const running = { ...last, id: 'running', state: 'running', prefix: 'photos/', passes: 2 }
      await page.route('**/-/api/verifications{,/running}', (route) =>
        route.fulfill({
          json: route.request().url().endsWith('running') ? running : { verifications: [running, last] },
        }),
      )
      await open('#/migration')
      await page.getByText('compared so far, in pass 2, of the names that begin with').waitFor()
      await page.getByText(/^Not safe to detach/).waitFor()
    },
    'a finished dry run': async ({ page, open }) => {
      await open(`#/migration/${jobs.dryRun}`)
      await page.getByText('Cost by service').click()
    },
  }

  it.each(Object.entries(STATES))('in %s', (state, reach) =>
    withDashboard(async (visit) => {
      await reach(visit)
      expect(await violations(visit.page, state)).toEqual([])
    }),
  )

  const FAILING = { failing: /^5\d\d \/-\/api\// }

  it.each([
    { state: 'a folder', route: 'list' },
    { state: 'a picture', route: 'explain' },
    { state: 'a paused backfill', route: 'backfills' },
    { state: 'a paused backfill', route: 'dependence' },
    { state: 'health', route: 'backends' },
    { state: 'welcome', route: 'explain' },
  ])('in $state that cannot be loaded', ({ state, route }) =>
    withDashboard(async ({ page, open }) => {
      await page.route(`**/-/api/${route}{,/**,?*}`, (request) => request.fulfill(PROBLEM))
      await open(address(state))
      await page.getByText('The backend broke').first().waitFor()
      expect(await violations(page, `${state} that cannot be loaded`)).toEqual([])
    }, FAILING),
  )

  it('in a folder while a backend is down, and in data that are not up to date', () =>
    withDashboard(async (visit) => {
      const { page } = visit
      await show(visit, 'a paused backfill')
      await page.route('**/-/api/backfills/*', (request) => request.fulfill(PROBLEM))
      await lookAgain(page)
      await page.getByText('Not up to date').waitFor()
      expect(await violations(page, 'data that are not up to date')).toEqual([])
      await origin.goDown()
      try {
        await visit.open(address('a folder'))
        await page.getByText('legacy failed').waitFor()
        expect(await violations(page, 'a folder while a backend is down')).toEqual([])
      } finally {
        await origin.comeBack()
      }
    }, FAILING))

  it('in the form over a view whose session has expired', () =>
    withDashboard(
      async (visit) => {
        const { page, context } = visit
        await show(visit, 'a folder')
        await context.clearCookies()
        await page.getByRole('link', { name: 'Health' }).click()
        await dialog(page)
        expect(await violations(page, 'an expired session')).toEqual([])
      },
      { failing: /^401 / },
    ))
})

const PROBLEM = {
  status: 502,
  contentType: 'application/problem+json',
  body: JSON.stringify({
    type: 'about:blank',
    title: 'The backend broke',
    status: 502,
    detail: 'legacy answered with 500',
    backends: [{ name: 'legacy', error: 'unavailable', detail: 'the origin responded with 500' }],
  }),
}

describe('the keyboard', () => {
  it.each([
    { state: 'a folder', opener: 'Keys' },
    { state: 'a text', opener: 'Delete' },
    { state: 'a paused backfill', opener: 'Start a backfill …' },
    { state: 'a paused backfill', opener: 'Cancel' },
    { state: 'a paused backfill', opener: 'Verify …' },
  ])('stays in the dialog of “$opener” in $state, and gets back to its button', ({ state, opener }) =>
    withDashboard(async (visit) => {
      const { page } = visit
      await show(visit, state)
      await button(page, opener).focus()
      await page.keyboard.press('Enter')
      await dialog(page)
      for (let count = 0; count < 12; count += 1) {
        await page.keyboard.press('Tab')
        expect(
          await page.evaluate(() => {
            const { activeElement: element } = document
            return element === document.body || element?.closest('dialog') !== null
          }),
        ).toBe(true)
      }
      // After the last stop, the focus may be in the browser's own controls.
      await page.getByRole('dialog').getByRole('button').first().focus()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await expect.poll(isFocused(button(page, opener))).toBe(true)
    }),
  )

  it('does in a folder what its list of keys says', () =>
    withDashboard(async (visit) => {
      const { page } = visit
      const press = (keys: string) => page.keyboard.press(keys)
      let choosers = 0
      // Playwright has to know of it some time before.
      page.on('filechooser', () => (choosers += 1))
      const active = () => page.evaluate(() => document.activeElement?.querySelector('.name')?.textContent)
      const selected = () => page.locator('.list-body').getByRole('checkbox', { checked: true }).count()
      await show(visit, 'the root')
      const rows = await page.locator('.list-body .name').allTextContents()
      await page.getByRole('link', { name: rows[0] ?? '' }).focus()
      await press('ArrowDown')
      await expect.poll(active).toBe(rows[1])
      await press('ArrowUp')
      await expect.poll(active).toBe(rows[0])
      for (const [key, row] of [
        ['End', rows.at(-1)],
        ['Home', rows[0]],
        ['PageDown', rows.at(-1)],
        ['PageUp', rows[0]],
      ] as const) {
        await press(key)
        await expect.poll(active, { message: key }).toBe(row)
      }

      for (const row of rows.slice(1, rows.indexOf('photos/') + 1)) {
        await press('ArrowDown')
        await expect.poll(active).toBe(row)
      }
      await press('Enter')
      await page.waitForURL(/#\/browse\/photos\/$/)
      await page.getByRole('link', { name: 'harbour.jpg' }).waitFor()
      await expect.poll(active).toBe('2024/')
      await press('Backspace')
      await page.waitForURL(/#\/browse\/$/)
      await expect.poll(active).toBe('photos/')
      await press('Enter')
      await expect.poll(active).toBe('2024/')

      await press('ArrowDown')
      await press('Space')
      await expect.poll(selected).toBe(1)
      await press('Shift+ArrowDown')
      await expect.poll(selected).toBe(2)
      await press('Control+a')
      await expect.poll(selected).toBe(await page.locator('.list-body').getByRole('checkbox').count())
      await press('Escape')
      await expect.poll(selected).toBe(0)

      await picturesLoaded(page, 3)
      const deleted = await active()
      await press('Delete')
      await page.getByText('1 object deleted.').waitFor()
      await button(page, 'Undo').click()
      await page.getByRole('link', { name: deleted ?? '' }).waitFor()

      await press('/')
      await expect.poll(isFocused(page.getByRole('searchbox'))).toBe(true)
      await press('Escape')
      await press('u')
      await expect.poll(() => choosers).toBe(1)
      await press('?')
      await page.getByRole('dialog', { name: 'Keys' }).waitFor()
      await press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
    }))
})

/** The elements that would move for more than 10 ms. */
function movements(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const longest = (list: string) =>
      Math.max(...list.split(',').map((one) => parseFloat(one) * (one.includes('ms') ? 1 : 1000)))
    return [...document.querySelectorAll('*')].flatMap((element) => {
      const { transitionDuration, animationDuration, animationName } = getComputedStyle(element)
      const animated = animationName === 'none' ? 0 : longest(animationDuration)
      const time = Math.max(longest(transitionDuration), animated)
      return time > 10 ? [`${element.tagName}.${element.getAttribute('class')}: ${time} ms`] : []
    })
  })
}
