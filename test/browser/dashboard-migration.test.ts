import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, it } from 'vitest'
import { answer } from '../../scripts/screenshots/answers.ts'
import type { Answers, Verification } from '../../src/client/client.ts'
import { lookAgain, useDashboard, type Visit } from './dashboard.ts'
import { startTestOrigin, type TestOrigin } from './origin.ts'

const COUNT = 500
const DENIED = 'bulk/denied.jpg'

let folder: string
let origin: TestOrigin
const { withDashboard, api } = useDashboard(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bulk-'))
  await mkdir(join(folder, 'bulk'))
  for (let index = 1; index < COUNT; index += 1)
    await writeFile(
      join(folder, `bulk/${`${index}`.padStart(4, '0')}.txt`),
      `object ${index}\n`.repeat(index),
    )
  await writeFile(join(folder, DENIED), 'nobody may read it')
  origin = await startTestOrigin(folder)
  origin.denied.add(DENIED)
  // So that the page sees the job on its way.
  origin.delay = 60
  return { origin }
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const job = (page: Page) => page.getByRole('region', { name: 'Backfill', exact: true })

/** Jobs that were made up. */
const madeUp = <List>(path: string) => answer(path, new URLSearchParams(), () => '', '') as List
const dryRun = madeUp<Answers['listBackfills']>('backfills').backfills.find((one) => one.dry_run)
const completed: Verification = {
  ...madeUp<Answers['listVerifications']>('verifications').verifications.find(
    ({ direction }) => direction === 'detach',
  )!,
  safe_to_detach: true,
}

/** The figures beside a plot. */
async function figures(page: Page, label: string): Promise<string[]> {
  const plot = page.getByRole('figure').filter({ has: page.getByRole('img', { name: label }) })
  const details = plot.locator('details')
  if (!(await details.evaluate((element: HTMLDetailsElement) => element.open)))
    await plot.getByText('Figures').click()
  return details.getByRole('row').allTextContents()
}

describe('a backfill of 500 objects', () => {
  it('begins with a dry run, is watched to its end, and says what failed and why', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/migration')
      await page.getByText('Nothing is being copied').waitFor()
      await page.getByRole('button', { name: 'Start a backfill …' }).click()
      const dialog = page.getByRole('dialog', { name: 'Start a backfill' })
      await dialog.getByLabel('Only names that begin with').fill('bulk/')
      await dialog.getByRole('button', { name: 'Dry run' }).click()
      await dialog.getByText('cost of copying').waitFor()
      expect(await dialog.locator('dd').first().textContent()).toBe(`${COUNT}`)
      await dialog.getByRole('button', { name: 'Start copying' }).click()
      await page.waitForURL(/#\/migration\/.+/)
      await job(page).getByText('running').waitFor()

      const progress = page.getByRole('progressbar', { name: 'Objects done' })
      const seen: number[] = []
      const plotted = new Set<string>()
      const label = 'Objects per second over the time of the backfill'
      for (;;) {
        seen.push(Number(await progress.getAttribute('aria-valuenow')))
        plotted.add((await figures(page, label)).join())
        if (
          await job(page)
            .getByText(/^completed/)
            .isVisible()
        )
          break
        await page.waitForTimeout(200)
      }
      expect(seen).toEqual(seen.toSorted((one, other) => one - other))
      expect(new Set(seen.filter((value) => value > 0 && value < 100)).size).toBeGreaterThan(3)
      expect(plotted.size).toBeGreaterThan(1)
      await expect.poll(() => progress.getAttribute('aria-valuenow')).toBe('100')

      await job(page).getByText('completed with failures', { exact: true }).waitFor()
      const reasons = page.getByRole('region', { name: 'Why objects failed' })
      await reasons.getByRole('button', { name: 'denied' }).click()
      await reasons.getByRole('link', { name: DENIED }).waitFor()
      expect(await reasons.getByRole('listitem').last().textContent()).toMatch(/legacy: .*403/)
    }))

  it('leaves a certificate that says what is missing', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/migration')
      await verify(page, 'Sizes and known digests')
      const card = page.getByRole('region', { name: 'Certificate' })
      await card.getByText('Not safe to detach media_kv and legacy').waitFor({ timeout: 30_000 })
      await card.getByRole('link', { name: 'Open certificate' }).click()
      await page.getByRole('heading', { level: 1, name: 'Certificate' }).waitFor()
      const certificate = page.getByRole('article', { name: 'Certificate' })
      await certificate.getByRole('heading', { name: 'Reasons against detaching' }).waitFor()
      expect(await certificate.textContent()).toContain('1 object is not copied by a backfill')
      await page.getByRole('link', { name: DENIED }).waitFor()
    }))

  it(
    'is safe to detach from once what failed is copied',
    () =>
      withDashboard(async ({ page, open }) => {
        origin.denied.clear()
        origin.delay = 0
        await open('#/migration')
        await page.getByRole('button', { name: 'Retry failed' }).click()
        await job(page).getByText('completed', { exact: true }).waitFor({ timeout: 30_000 })
        await verify(page, 'All bytes')
        const card = page.getByRole('region', { name: 'Certificate' })
        await card
          .getByText('Safe to detach media_kv and legacy', { exact: true })
          .waitFor({ timeout: 90_000 })
        const { verifications } = await api<Answers['listVerifications']>('GET', 'verifications')
        expect(verifications[0]).toMatchObject({ safe_to_detach: true, equal: COUNT, coverage: 1 })
        await card.getByRole('link', { name: 'Open certificate' }).click()
        await page.getByText(`Everything that media_kv and legacy hold is in media`).waitFor()
        expect(await page.getByText('Reasons against detaching').count()).toBe(0)
      }),
    180_000,
  )
})

describe('a dry run before a backfill', () => {
  /** Starts a made-up dry run; returns the paths of cancellations. */
  async function begun({ page, open }: Visit, state: string, started = Promise.resolve()) {
    const job = { ...dryRun, id: 'other', state, listed: 7 }
    const cancelled: string[] = []
    await page.route('**/-/api/backfills{,/**}', async (route) => {
      const { pathname } = new URL(route.request().url())
      const isGet = route.request().method() === 'GET'
      if (isGet && !pathname.endsWith('/other')) return route.continue()
      if (pathname.endsWith('/cancel')) cancelled.push(pathname)
      else if (!isGet) await started
      return route.fulfill({ json: job })
    })
    await open('#/migration')
    await page.getByRole('button', { name: 'Start a backfill …' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Dry run' }).click()
    return cancelled
  }

  it('is no estimate if it was cancelled', () =>
    withDashboard(async (visit) => {
      await begun(visit, 'cancelled')
      const dialog = visit.page.getByRole('dialog')
      await dialog.getByText('The dry run was cancelled after 7 objects').waitFor()
      expect(await dialog.getByRole('button', { name: 'Start copying' }).count()).toBe(0)
      await dialog.getByRole('button', { name: 'Back' }).click()
      await dialog.getByRole('button', { name: 'Dry run' }).waitFor()
    }))

  it('is cancelled once it is started if the dialog was closed meanwhile', () =>
    withDashboard(async (visit) => {
      const start = Promise.withResolvers<void>()
      const cancelled = await begun(visit, 'running', start.promise)
      await visit.page.keyboard.press('Escape')
      await visit.page.getByRole('dialog').waitFor({ state: 'detached' })
      expect(cancelled).toEqual([])
      start.resolve()
      await expect.poll(() => cancelled).toEqual(['/-/api/backfills/other/cancel'])
    }))

  it('is not started without a backend to copy from', () =>
    withDashboard(async ({ page, open }) => {
      let started = 0
      await page.route('**/-/api/backfills', (route) => {
        if (route.request().method() === 'POST') started += 1
        return route.continue()
      })
      await open('#/migration')
      await page.getByRole('button', { name: 'Start a backfill …' }).click()
      const dialog = page.getByRole('dialog')
      for (const name of ['media_kv', 'legacy']) await dialog.getByLabel(name).uncheck()
      await dialog.getByRole('button', { name: 'Dry run' }).click()
      await dialog.getByText('Choose at least one backend to copy from.').waitFor()
      expect(started).toBe(0)
    }))
})

it('what was counted for all further folders is neither shown as a folder nor linked', () =>
  withDashboard(async ({ page, open }) => {
    const prefixes = ['', 'a/', 'b/', 'c/', 'd/', 'e/', 'f/', 'g/', '…'].map((prefix) => ({
      prefix,
      objects: 10,
      covered: 5,
      coverage: 0.5,
    }))
    const job = { ...completed, prefixes }
    await page.route('**/-/api/verifications{,/**}', (route) => {
      const { pathname } = new URL(route.request().url())
      if (pathname.endsWith('/verifications')) return route.fulfill({ json: { verifications: [job] } })
      return route.fulfill({ json: pathname.endsWith(job.id) ? job : { differences: [], cursor: null } })
    })
    await open('#/migration')
    const coverage = page.getByRole('region', { name: 'Coverage by folder' })
    await coverage.getByText('(other folders)').waitFor()
    expect(await coverage.getByRole('link').count()).toBe(7)
    await open(`#/verification/${job.id}`)
    await page.getByRole('rowheader', { name: '(other folders)' }).waitFor()
  }))

describe('while verifications run', () => {
  it('the certificate is still the one of the last that was completed, and more can be started', () =>
    withDashboard(async ({ page, open }) => {
      const running = { ...completed, state: 'running', safe_to_detach: false, finished: null }
      const jobs = [
        { ...completed, id: 'given-up', state: 'cancelled' },
        { ...running, id: 'nightly', compared: 1234 },
        { ...running, id: 'earlier', compared: 56, prefix: 'photos/' },
        completed,
      ]
      const cancelled: string[] = []
      await page.route('**/-/api/verifications{,/**}', (route) => {
        const path = new URL(route.request().url()).pathname.replace(/^.*\/verifications\/?/, '')
        if (path.endsWith('/cancel')) cancelled.push(path)
        const json = path === '' ? { verifications: jobs } : jobs.find(({ id }) => path.startsWith(id))
        return route.fulfill({ json })
      })
      await open('#/migration')
      const card = page.getByRole('region', { name: 'Certificate' })
      await card.getByText('Safe to detach media_kv and legacy', { exact: true }).waitFor()
      await card.getByText('1,234 objects compared so far').waitFor()
      await card.getByText('56 objects compared so far').waitFor()
      const link = card.getByRole('link', { name: 'Open certificate' })
      expect(await link.getAttribute('href')).toBe(`#/verification/${completed.id}`)
      await card.getByRole('button', { name: 'Cancel' }).last().click()
      await expect.poll(() => cancelled).toEqual(['earlier/cancel'])
      await card.getByRole('button', { name: 'Verify …' }).click()
      await page.getByRole('dialog', { name: 'Verify the migration' }).waitFor()
    }))
})

it('offers neither copies nor comparisons once no other backend is left', () =>
  withDashboard(async ({ page, open }) => {
    const known = await api<Answers['listBackends']>('GET', 'backends')
    const backends = known.backends.filter(({ role }) => role === 'primary')
    await page.route('**/-/api/backends', (route) => route.fulfill({ json: { ...known, backends } }))
    await open('#/migration')
    await page.getByText('No backend is behind media').waitFor()
    await page.getByRole('region', { name: 'Verifications' }).waitFor()
    expect(await page.getByRole('button', { name: /Start a backfill|Verify/ }).count()).toBe(0)
    expect(await page.getByText('Not safe to detach').count()).toBe(0)
  }))

describe('what cannot be loaded', () => {
  const PROBLEM = {
    status: 502,
    contentType: 'application/problem+json',
    json: { title: 'The backend broke', status: 502, detail: 'it did' },
  }

  it('does not pass for nothing: without verifications, nothing is said of the coverage', () =>
    withDashboard(
      async ({ page, open }) => {
        await page.route('**/-/api/verifications', (route) => route.fulfill(PROBLEM))
        await open('#/migration')
        await page.getByText('The backend broke').waitFor()
        expect(await page.getByText('Not known yet').count()).toBe(0)
      },
      { failing: /^502 / },
    ))

  it('does not pass for healthy: Health says that what it shows is old', () =>
    withDashboard(
      async ({ page, open }) => {
        await open('#/health')
        await page.getByRole('region', { name: 'Backend legacy' }).waitFor()
        await page.route('**/-/api/backends', (route) => route.fulfill(PROBLEM))
        await lookAgain(page)
        await page.getByRole('alert').getByText('The backend broke').waitFor()
        expect(await page.getByRole('region', { name: 'Backend legacy' }).count()).toBe(1)
      },
      { failing: /^502 / },
    ))
})

async function verify(page: Page, how: string): Promise<void> {
  await page.getByRole('button', { name: 'Verify …' }).click()
  await page.getByRole('dialog').getByLabel(how).check()
  await page.getByRole('dialog').getByRole('button', { name: 'Verify', exact: true }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
}
