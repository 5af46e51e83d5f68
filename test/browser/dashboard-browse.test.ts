import { mkdir } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import pLimit from 'p-limit'
import type { Locator, Page } from 'playwright-core'
import { afterAll, describe, expect, it } from 'vitest'
import type { Backends, Explanation, Series } from '../../src/client/client.ts'
import { eventually } from '../kit/eventually.ts'
import { mediaFolder, mediaUrl, type MediaFolder } from '../kit/servers/media.ts'
import { lookAgain, picturesLoaded, useDashboard } from './dashboard.ts'
import { startTestOrigin, type TestOrigin } from './origin.ts'

const WATCHED = 200
const limit = pLimit(8)

let media: MediaFolder
let origin: TestOrigin
const { withDashboard, api, stack } = useDashboard(async () => {
  media = await mediaFolder()
  for (const folder of ['watched', 'moved', 'deleted']) await mkdir(media.file(folder))
  for (let index = 1; index <= WATCHED; index += 1)
    await media.alias(`watched/${`${index}`.padStart(3, '0')}.png`, 'photos/sun.png')
  for (const folder of ['moved', 'deleted'])
    for (const name of ['a', 'b', 'c']) await media.alias(`${folder}/${name}.png`, 'photos/sun.png')
  origin = await startTestOrigin(media.path)
  return { origin }
})
afterAll(() => media.remove())

const list = (page: Page) => page.getByRole('grid')
const row = (page: Page, name: string) => list(page).getByRole('row').filter({ hasText: name })
const explain = (name: string) => api<Explanation>('GET', `explain/${mediaUrl('', name)}`)
const serving = async (...names: string[]) =>
  Promise.all(names.map(async (name) => (await explain(name)).would_serve))

async function select(page: Page, ...names: string[]): Promise<Locator> {
  for (const name of names) await row(page, name).getByRole('checkbox').check()
  return page.getByRole('region', { name: 'Selected objects' })
}

// First, because it counts all fallback reads of this Worker.
it(
  'changes nothing of what it shows: 200 objects of a fallback are browsed and previewed, and none is copied or counted',
  () =>
    withDashboard(async ({ page, open }) => {
      const previewed = new Set<string>()
      page.on('response', (response) => {
        const { pathname } = new URL(response.url())
        const [, name] = /\/-\/api\/preview\/watched\/(.+)$/.exec(pathname) ?? []
        if (name !== undefined && response.ok()) previewed.add(name)
      })
      await open('#/browse/watched/')
      await row(page, '001.png').waitFor()
      while (previewed.size < WATCHED) {
        const areShown = async (): Promise<true | null> =>
          (await inView(page)).every((name) => previewed.has(name)) ? true : null
        await eventually(() => `previews of all in view, and not only ${previewed.size}`, areShown)
        await page.mouse.wheel(0, 500)
      }
      for (const index of ['001', '100', '200']) {
        await open(`#/object/watched/${index}.png`)
        await page.getByLabel('Preview', { exact: true }).locator('img').waitFor()
      }

      const names = Array.from(
        { length: WATCHED },
        (_, index) => `watched/${`${index + 1}`.padStart(3, '0')}.png`,
      )
      const found = await Promise.all(names.map((name) => limit(() => explain(name))))
      expect(
        found.filter(({ would_serve: by, migration }) => by !== 'legacy' || migration.state !== 'pending'),
      ).toEqual([])
      expect((await api<Backends>('GET', 'backends')).last_fallback_read).toBeNull()

      // A real read is counted, together with all that were counted before it.
      const read = names[7] ?? ''
      await fetch(mediaUrl(stack().worker.url, read)).then((response) => response.arrayBuffer())
      const last = await eventually(
        () => 'a fallback read that is counted',
        async () => (await api<Backends>('GET', 'backends')).last_fallback_read ?? null,
      )
      expect(last).toMatchObject({ name: read, backend: 'legacy' })
      const { backends } = await api<Series>('GET', 'series?what=reads')
      const reads = Object.values(backends['legacy']?.['reads'] ?? []).reduce<number>(
        (sum, count) => sum + (count ?? 0),
        0,
      )
      expect(reads).toBe(1)
    }),
  300_000,
)

/** The names in the rows that can be seen. */
function inView(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('.list-body [role=row]')]
      .filter((element) => {
        const { top, bottom } = element.getBoundingClientRect()
        return bottom > 0 && top < innerHeight
      })
      .map((element) => element.querySelector('.name')?.textContent ?? ''),
  )
}

describe('folders', () => {
  it('are opened two levels deep, and left by breadcrumbs and by going back', () =>
    withDashboard(async ({ page, open }) => {
      await open()
      await row(page, 'photos').getByRole('link').click()
      await row(page, '2024').getByRole('link').click()
      await row(page, 'fractal.webp').waitFor()
      await expect.poll(() => new URL(page.url()).hash).toBe('#/browse/photos/2024/')
      await expect.poll(() => page.title()).toContain('2024')
      await page.goBack()
      await row(page, 'harbour.jpg').waitFor()
      await page.goForward()
      await row(page, 'fractal.webp').getByRole('link').click()
      await page.getByRole('heading', { level: 1, name: 'fractal.webp' }).waitFor()
      await page.getByRole('link', { name: 'Back to the folder' }).click()
      await page.getByRole('link', { name: 'photos' }).click()
      await row(page, 'harbour.jpg').waitFor()
      await page.getByRole('link', { name: 'All media' }).click()
      await row(page, 'video').waitFor()
    }))

  it('are narrowed by the beginning of a name, which stays in the address', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/browse/photos/')
      await row(page, 'harbour.jpg').waitFor()
      await page.getByRole('searchbox').fill('ha')
      await page.waitForURL(/#\/browse\/photos\/\?prefix=ha$/)
      await row(page, 'sun.png').waitFor({ state: 'detached' })
      await page.reload()
      await row(page, 'harbour.jpg').waitFor()
      expect(await page.getByRole('searchbox').inputValue()).toBe('ha')
      await page.getByRole('searchbox').fill('nothing begins like this')
      await page.getByText('No name begins like that').waitFor()
      await page.getByRole('button', { name: 'Show all names' }).click()
      await row(page, 'sun.png').waitFor()
    }))
})

describe('what is selected', () => {
  it.each([
    ['signed where reads need a signature', true, 3, ['a.png?signature=a', 'b.png?signature=b']],
    ['as they are where media are public', false, 1, ['a.png', 'b.png']],
  ])('is copied as links, %s', (_, isSigned, requests, expected) =>
    withDashboard(async ({ page, context, stack: { worker }, open }) => {
      await context.grantPermissions(['clipboard-read', 'clipboard-write'])
      let requested = 0
      await page.route('**/-/api/url/**', (route) => {
        requested += 1
        const name = new URL(route.request().url()).pathname.replace('/-/api/url/', '')
        const query = isSigned ? `?signature=${name.at(-5)}` : ''
        return route.fulfill({ json: { name, url: worker.url + name + query } })
      })
      await open('#/browse/moved/')
      const selection = await select(page, 'a.png', 'b.png')
      await selection.getByRole('button', { name: 'Copy links' }).click()
      await page.getByText('2 links copied.').waitFor()
      const links = await page.evaluate(() => navigator.clipboard.readText())
      expect(links.split('\n')).toEqual(expected.map((link) => `${worker.url}moved/${link}`))
      expect(requested).toBe(requests)
    }),
  )

  it('is deleted only after a question where deletes leave no tombstones, which says what is served then', () =>
    withDashboard(async ({ page, open }) => {
      const known = await api<Backends>('GET', 'backends')
      await page.route('**/-/api/backends', (route) =>
        route.fulfill({ json: { ...known, deletes: 'first' } }),
      )
      await open('#/browse/deleted/')
      const selection = await select(page, 'a.png', 'b.png')
      await selection.getByRole('button', { name: 'Delete' }).click()
      const dialog = page.getByRole('dialog', { name: 'Delete 2 objects?' })
      await dialog.getByText('What another backend has as well goes on being served.').waitFor()
      expect(await dialog.textContent()).not.toContain('No other backend')
      await dialog.getByRole('button', { name: 'Cancel' }).click()
    }))

  it('is migrated together', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/browse/moved/')
      await row(page, 'a.png').getByText('legacy').waitFor()
      const selection = await select(page, 'a.png', 'b.png')
      await selection.getByRole('button', { name: 'Migrate now' }).click()
      await page.getByText('2 objects moved.').waitFor()
      await row(page, 'b.png').getByText('media', { exact: true }).waitFor()
      expect(await serving('moved/a.png', 'moved/b.png', 'moved/c.png')).toEqual(['media', 'media', 'legacy'])
    }))

  it('is shown where it is if there was nothing to migrate', () =>
    withDashboard(async ({ page, open }) => {
      await page.route('**/-/api/migrate', (route) =>
        route.fulfill({ json: { results: [{ name: 'moved/c.png', outcome: 'present' }] } }),
      )
      await open('#/browse/moved/')
      const selection = await select(page, 'c.png')
      await selection.getByRole('button', { name: 'Migrate now' }).click()
      await page.getByText('1 object not to be moved.').waitFor()
      await expect.poll(() => row(page, 'c.png').textContent()).toContain('legacy')
    }))

  it('is deleted at once, and restored by undoing it', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/browse/deleted/')
      const selection = await select(page, 'a.png', 'b.png')
      await picturesLoaded(page, 3)
      await selection.getByRole('button', { name: 'Delete' }).click()
      await page.getByText('2 objects deleted.').waitFor()
      await row(page, 'a.png').waitFor({ state: 'detached' })
      expect(await serving('deleted/a.png', 'deleted/b.png', 'deleted/c.png')).toEqual([null, null, 'legacy'])
      await page.getByRole('button', { name: 'Undo' }).click()
      await page.getByText('2 objects restored.').waitFor()
      await row(page, 'a.png').waitFor()
      expect(await serving('deleted/a.png', 'deleted/b.png')).toEqual(['legacy', 'legacy'])
    }))
})

it('uploads three files, and cancels a fourth on its way', () =>
  withDashboard(async ({ page, context, open }) => {
    await open('#/browse/uploads/')
    const network = await context.newCDPSession(page)
    await network.send('Network.enable')
    await network.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: 200_000,
    })
    const file = (name: string, size: number) => ({
      name,
      mimeType: 'application/octet-stream',
      buffer: randomBytes(size),
    })
    await page
      .getByLabel('Files to upload')
      .setInputFiles([
        file('large.bin', 4_000_000),
        file('a.bin', 10_000),
        file('b.bin', 20_000),
        file('c.bin', 30_000),
      ])
    const uploads = page.getByRole('region', { name: 'Uploads' })
    for (const name of ['a.bin', 'b.bin', 'c.bin']) await uploads.getByRole('link', { name }).waitFor()
    const progress = uploads.getByRole('progressbar', { name: 'large.bin' })
    await expect.poll(() => progress.evaluate((bar: HTMLProgressElement) => bar.value)).toBeGreaterThan(0)
    await uploads.getByRole('button', { name: 'Cancel uploads/large.bin' }).click()
    await uploads.getByText('cancelled').waitFor()
    await uploads.getByText('3 files uploaded').waitFor()
    await row(page, 'c.bin').waitFor()
    expect(await row(page, 'large.bin').count()).toBe(0)
    expect(await serving('uploads/a.bin', 'uploads/b.bin', 'uploads/c.bin', 'uploads/large.bin')).toEqual([
      'media',
      'media',
      'media',
      null,
    ])
    expect((await explain('uploads/c.bin')).backends[0]?.size).toBe(30_000)
  }))

it('says that a backend has gone down while the page is open', () =>
  withDashboard(
    async ({ page, stack: { worker }, open }) => {
      await open('#/browse/photos/')
      const status = page.getByRole('banner')
      await status.getByText('no backend is failing').waitFor()
      await row(page, 'harbour.jpg').waitFor()
      await origin.goDown()
      try {
        for (let count = 0; count < 10; count += 1)
          await fetch(`${worker.url}nowhere/${count}.jpg`).then((response) => response.arrayBuffer())
        await page.getByRole('button', { name: 'Load again' }).click()
        await page.getByText(/legacy failed .* What only it has may be missing here/).waitFor()
        await lookAgain(page)
        await status.getByText('legacy unavailable').waitFor()
        expect(await row(page, 'harbour.jpg').count()).toBe(0)
      } finally {
        await origin.comeBack()
      }
    },
    { failing: /^50\d \/-\/api\/preview\// },
  ))
