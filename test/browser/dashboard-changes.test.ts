import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pLimit from 'p-limit'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, it } from 'vitest'
import { startStack, type Stack } from '../../demo/stack.ts'
import { answer } from '../../scripts/screenshots/answers.ts'
import type { Answers } from '../../src/client/client.ts'
import { mediaUrl } from '../kit/servers/media.ts'
import { s3Records } from '../sources/samples.ts'
import { tabThrough, violations } from './accessibility.ts'
import { lookAgain, useDashboard, type Visit } from './dashboard.ts'

/** What the primary held before there was a mirror. */
const EARLIER = Array.from({ length: 300 }, (_, index) => `earlier/${index}.txt`)
const COPIED = 'changes/copied.txt'
const GONE = 'changes/gone.txt'
/** Has markup in its name. */
const SAVED = 'changes/<i onclick=x>saved.txt'

const MIRROR = { type: 'kv', binding: 'MEDIA_KV', mirror: true }

let files: string
let persistTo: string
const { withDashboard, api, stack } = useDashboard(async () => {
  files = await mkdtemp(join(tmpdir(), 'changes-'))
  persistTo = await mkdtemp(join(tmpdir(), 'state-'))
  await mkdir(join(files, 'changes'))
  for (const name of [COPIED, GONE]) await atSource(name, 'as it was copied')
  const alone = await startStack({ persistTo, chain: ['r2'] })
  const limit = pLimit(20)
  await Promise.all(EARLIER.map((name) => limit(put, alone, name, `stored in ${name}`)))
  await alone.stop()
  return { persistTo, media: files, chain: ['r2', MIRROR, 'http'] }
})

afterAll(async () => {
  for (const folder of [files, persistTo]) await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

const atSource = (name: string, text: string) => writeFile(join(files, name), text)

async function put({ worker, token }: Stack, name: string, body: string): Promise<void> {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'text/plain' }
  const response = await fetch(mediaUrl(worker.url, name), { method: 'PUT', headers, body })
  expect(response.status).toBe(201)
}

/** As an S3 server posts it. */
const notify = (event: string, name: string) =>
  api<Answers['receiveEvents']>(
    'POST',
    'events/legacy',
    s3Records(event, encodeURIComponent(name), { eventTime: new Date().toISOString() }),
  )

const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true })

/** A figure of a list of figures, by its label. */
const figure = (page: Page, part: string, label: string) =>
  region(page, part)
    .locator('dl.counters > div')
    .filter({ has: page.getByText(label, { exact: true }) })
    .locator('dd')
    .first()

describe('source changes', () => {
  it('says where events are sent before there are any', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/sources')
      const silent = region(page, 'No events yet')
      await silent.getByText(`POST ${stack().worker.url}-/api/events/legacy`).waitFor()
      await region(page, 'Conflicts').getByText('None.').waitFor()
      await expect
        .poll(() => page.locator('nav[aria-label=Migration] a').allTextContents())
        .toEqual(['Backfill', 'Source changes', 'Way back'])
    }))

  it('shows real notifications and what came of them, while it is open', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/migration')
      await page.getByRole('link', { name: 'Source changes' }).click()
      await page.getByRole('heading', { level: 1, name: 'Source changes' }).waitFor()
      await region(page, 'No events yet').waitFor()

      const { results } = await api<Answers['migrate']>('POST', 'migrate', { names: [COPIED, GONE] })
      expect(results.map(({ outcome }) => outcome)).toEqual(['copied', 'copied'])
      await put(stack(), SAVED, 'saved in the primary')
      await atSource(SAVED, 'another one at the source')
      await atSource(COPIED, 'replaced at the source after it was copied')
      await rm(join(files, GONE))
      for (const name of [COPIED, SAVED]) await notify('ObjectCreated:Put', name)
      await notify('ObjectRemoved:Delete', GONE)

      const events = 'Events of legacy'
      for (const [label, count] of [
        ['accepted', '3'],
        ['copied', '1'],
        ['deleted here', '1'],
        ['conflicts', '1'],
        ['given up', '0'],
      ] as const)
        await expect
          .poll(() => figure(page, events, label).textContent(), { message: label, timeout: 30_000 })
          .toBe(count)
      await region(page, events)
        .getByText(/^last handled /)
        .waitFor()
      await region(page, events)
        .getByText(/median \d.* s, 95 % within/)
        .waitFor()

      await lookAgain(page)
      const conflicts = region(page, 'Conflicts (1)')
      await conflicts.getByText('saved in media, not copied').waitFor({ timeout: 20_000 })
      await conflicts.getByText('To keep what is here, dismiss the entry.').waitFor()
      await conflicts.getByText('fallback-storage put FILE NAME').waitFor()
      await page.getByRole('link', { name: 'Source changes 1 conflict' }).waitFor()
      await conflicts.getByRole('link', { name: SAVED }).click()
      await page.getByText('The chain').first().waitFor()
      await page.goBack()
      await region(page, 'Conflicts (1)').waitFor()
    }))

  it('no longer shows a conflict once the source has deleted the object', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/sources')
      await region(page, 'Conflicts (1)').waitFor()
      await rm(join(files, SAVED))
      await notify('ObjectRemoved:Delete', SAVED)
      await region(page, 'Conflicts').getByText('None.').waitFor({ timeout: 30_000 })
      expect(await page.locator('ul.conflicts > li').count()).toBe(0)
    }))

  it('no longer shows a conflict that was dismissed', () =>
    withDashboard(async ({ page, open }) => {
      await atSource(SAVED, 'back at the source')
      await notify('ObjectCreated:Put', SAVED)
      await open('#/sources')
      const conflicts = region(page, 'Conflicts (1)')
      await conflicts.getByRole('button', { name: 'Dismiss' }).click({ timeout: 30_000 })
      await region(page, 'Conflicts').getByText('None.').waitFor()
      expect(await api<Answers['listConflicts']>('GET', 'conflicts')).toMatchObject({ total: 0 })
    }))
})

describe('the way back', () => {
  it(
    'is not safe while the mirror lacks what was stored before it',
    () =>
      withDashboard(async ({ page, open }) => {
        await open('#/rollback')
        const card = region(page, 'Can you go back?')
        await card.getByText('Nothing has been compared yet.').waitFor()
        await card.getByRole('button', { name: 'Verify …' }).click()
        const dialog = page.getByRole('dialog', { name: 'Verify the way back' })
        await dialog.getByRole('button', { name: 'Verify', exact: true }).click()
        await card.getByText('Not safe to roll back to media_kv').waitFor({ timeout: 60_000 })
        const condition = card.getByRole('listitem').filter({ hasText: 'Both sides are equal' })
        await condition.getByText('Not met').waitFor()
        expect(await condition.textContent()).toContain(`${EARLIER.length} are missing from media_kv`)
        await condition.getByText('Next: Run a resync of the mirror').waitFor()
      }),
    120_000,
  )

  it(
    'is repaired by a resync, which is compared first, paused, resumed and watched to its end',
    () =>
      withDashboard(async ({ page, open }) => {
        await open('#/rollback')
        await region(page, 'Mirror media_kv').getByText('never').waitFor()
        await region(page, 'Mirror media_kv').getByRole('button', { name: 'Resync …' }).click()
        const dialog = page.getByRole('dialog', { name: 'Resync media_kv' })
        await dialog.getByRole('button', { name: 'Compare' }).click()
        await dialog
          .getByText(`A resync would change ${EARLIER.length} objects in media_kv.`)
          .waitFor({ timeout: 60_000 })
        await dialog.getByText('Speed').click()
        // Pages of 100 names one after another, so that the page sees the job on its way.
        await dialog.getByLabel('Consumers at the same time').fill('1')
        await dialog.getByLabel('Objects per second, at most').fill('15')
        await dialog.getByRole('button', { name: 'Start the resync' }).click()
        await dialog.waitFor({ state: 'detached' })

        const job = region(page, 'Resync of media_kv')
        const progress = page.getByRole('progressbar', { name: 'Objects done' })
        const value = async () => Number(await progress.getAttribute('aria-valuenow'))
        await expect.poll(value, { timeout: 60_000 }).toBeGreaterThan(0)
        await job.getByRole('button', { name: 'Pause' }).click()
        await job.getByText('paused', { exact: true }).waitFor()
        expect(await value()).toBeLessThan(100)
        await job.getByRole('button', { name: 'Resume' }).click()
        await job.getByText('completed', { exact: true }).waitFor({ timeout: 240_000 })
        await expect.poll(value).toBe(100)
        await expect
          .poll(() => figure(page, 'Resync of media_kv', 'copied').textContent())
          .toBe(`${EARLIER.length}`)
        await region(page, 'Mirror media_kv').getByText('up to date').waitFor()
        await expect
          .poll(() => figure(page, 'Mirror media_kv', 'last resync').textContent(), { timeout: 20_000 })
          .not.toBe('never')
      }),
    400_000,
  )

  it(
    'is safe after that, and its certificate leads back to it',
    () =>
      withDashboard(async ({ page, open }) => {
        await open('#/migration')
        await page.getByRole('link', { name: 'Way back' }).click()
        const card = region(page, 'Can you go back?')
        await card.getByRole('button', { name: 'Verify …' }).click()
        await page.getByRole('dialog').getByRole('button', { name: 'Verify', exact: true }).click()
        await card.getByText('Safe to roll back to media_kv', { exact: true }).waitFor({ timeout: 60_000 })
        expect(await card.getByText('Not met').count()).toBe(0)
        await card.getByRole('link', { name: 'Open certificate' }).click()
        await page.getByText('Everything that media holds is in media_kv').waitFor()
        await page.getByRole('link', { name: 'Way back' }).click()
        await page.getByRole('heading', { level: 1, name: 'Way back' }).waitFor()
      }),
    120_000,
  )

  it('cancels a comparison that is left', () =>
    withDashboard(async ({ page, open }) => {
      const { verifications } = await api<Answers['listVerifications']>('GET', 'verifications')
      const running = { ...verifications[0], id: 'running', state: 'running', compared: 7 }
      const cancelled: string[] = []
      await page.route('**/-/api/verifications{,/**}', async (request) => {
        const { pathname } = new URL(request.request().url())
        if (pathname.endsWith('/cancel')) cancelled.push(pathname)
        if (request.request().method() === 'GET' && !pathname.endsWith('/running')) return request.continue()
        return request.fulfill({ json: running })
      })
      await open('#/rollback')
      await region(page, 'Mirror media_kv').getByRole('button', { name: 'Resync …' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByRole('button', { name: 'Compare' }).click()
      await dialog.getByText('7 objects compared so far').waitFor()
      await page.keyboard.press('Escape')
      await expect.poll(() => cancelled).toEqual(['/-/api/verifications/running/cancel'])
      await region(page, 'Can you go back?')
        .getByText(/^Safe to roll back/)
        .waitFor()
    }))
})

describe('a comparison before a resync', () => {
  /** Answers with a made-up comparison; returns the paths of cancellations. */
  async function compared({ page, open }: Visit, state: string, started = Promise.resolve()) {
    const { verifications } = await api<Answers['listVerifications']>('GET', 'verifications')
    const job = { ...verifications[0], id: 'other', state, compared: 7 }
    const cancelled: string[] = []
    await page.route('**/-/api/verifications{,/**}', async (request) => {
      const { pathname } = new URL(request.request().url())
      const isGet = request.request().method() === 'GET'
      if (isGet && !pathname.endsWith('/other')) return request.continue()
      if (pathname.endsWith('/cancel')) cancelled.push(pathname)
      else if (!isGet) await started
      return request.fulfill({ json: job })
    })
    await open('#/rollback')
    await region(page, 'Mirror media_kv').getByRole('button', { name: 'Resync …' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Compare' }).click()
    return cancelled
  }

  it('is no plan if it was cancelled', () =>
    withDashboard(async (visit) => {
      await compared(visit, 'cancelled')
      const dialog = visit.page.getByRole('dialog')
      await dialog.getByText('The comparison was cancelled after 7 objects').waitFor()
      expect(await dialog.getByRole('button', { name: 'Start the resync' }).count()).toBe(0)
      await dialog.getByRole('button', { name: 'Back' }).click()
      await dialog.getByRole('button', { name: 'Compare' }).waitFor()
    }))

  it('is cancelled once it is started if the dialog was closed meanwhile', () =>
    withDashboard(async (visit) => {
      const start = Promise.withResolvers<void>()
      const cancelled = await compared(visit, 'running', start.promise)
      await visit.page.keyboard.press('Escape')
      await visit.page.getByRole('dialog').waitFor({ state: 'detached' })
      expect(cancelled).toEqual([])
      start.resolve()
      await expect.poll(() => cancelled).toEqual(['/-/api/verifications/other/cancel'])
    }))
})

describe('axe finds nothing, nothing scrolls sideways, and all can be reached by keyboard,', () => {
  /** Shows figures as those of the pictures, which have all that can be shown. */
  async function pictured({ page }: Visit, view: string): Promise<void> {
    await page.route('**/-/api/**', async (route) => {
      const { pathname, searchParams } = new URL(route.request().url())
      const path = pathname.replace(/^.*\/-\/api\//, '')
      if (path === 'session' || route.request().method() !== 'GET') return route.continue()
      const response = await route.fetch()
      const text = await response.text()
      return route.fulfill({ json: answer(path, searchParams, () => text, view) })
    })
  }

  it.each([
    { view: 'sources', hash: '#/sources', shows: 'To keep what is here' },
    { view: 'rollback', hash: '#/rollback', shows: 'Resync of old_media' },
  ])('in $hash with “$shows”', ({ view, hash, shows }) =>
    withDashboard(async (visit) => {
      await pictured(visit, view)
      await visit.open(hash)
      await visit.page.getByText(shows).first().waitFor()
      await visit.page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' })
      expect(await violations(visit.page, hash)).toEqual([])
      const stops = await tabThrough(visit.page)
      expect(stops.length).toBeGreaterThan(8)
      expect(stops.filter(({ hasOutline }) => !hasOutline)).toEqual([])
    }),
  )

  it.each([
    { opener: 'Verify …', part: 'Can you go back?' },
    { opener: 'Resync …', part: 'Mirror media_kv' },
  ])('in the dialog of “$opener”', ({ opener, part }) =>
    withDashboard(async ({ page, open }) => {
      await open('#/rollback')
      await region(page, part).getByRole('button', { name: opener }).click()
      await page.getByRole('dialog').waitFor()
      expect(await violations(page, opener)).toEqual([])
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
    }),
  )

  it.each([
    { hash: '#/sources', route: 'events' },
    { hash: '#/sources', route: 'conflicts' },
    { hash: '#/rollback', route: 'mirrors' },
    { hash: '#/rollback', route: 'verifications' },
    { hash: '#/rollback', route: 'backfills' },
  ])('in $hash when $route cannot be loaded', ({ hash, route }) =>
    withDashboard(
      async ({ page, open }) => {
        await page.route(`**/-/api/${route}{,?*}`, (request) => request.fulfill(problem(502)))
        await open(hash)
        await page.getByText('The backend broke').first().waitFor()
        expect(await violations(page, `${hash} without ${route}`)).toEqual([])
      },
      { failing: /^502 / },
    ),
  )

  it('in data that are not up to date', () =>
    withDashboard(
      async ({ page, open }) => {
        await open('#/rollback')
        await region(page, 'Mirror media_kv').waitFor()
        await page.route('**/-/api/mirrors', (request) => request.fulfill(problem(502)))
        await lookAgain(page)
        await page.getByText('Not up to date').waitFor()
        await region(page, 'Mirror media_kv').waitFor()
        expect(await violations(page, 'not up to date')).toEqual([])
      },
      { failing: /^502 / },
    ))
})

describe('a deployment without them', () => {
  it('has neither source changes nor a way back', () =>
    withDashboard(
      async ({ page, open }) => {
        await page.route('**/-/api/{conflicts?*,events}', (request) => request.fulfill(problem(501)))
        await page.route('**/-/api/backends', async (route) => {
          const response = await route.fetch()
          const known = (await response.json()) as Answers['listBackends']
          const backends = known.backends.filter(({ role }) => role !== 'mirror')
          await route.fulfill({ json: { ...known, backends } })
        })
        await open('#/migration')
        await page.getByRole('button', { name: 'Start a backfill …' }).waitFor()
        await expect.poll(() => page.getByRole('navigation', { name: 'Migration' }).count()).toBe(0)
        await open('#/sources')
        await page.getByText('it does not work').waitFor()
        await open('#/rollback')
        await page.getByText('No backend is a mirror.').waitFor()
      },
      { failing: /^501 / },
    ))
})

function problem(status: number) {
  const body = { type: 'about:blank', title: 'The backend broke', status, detail: 'it does not work' }
  return { status, contentType: 'application/problem+json', body: JSON.stringify(body) }
}
