import { writeFile } from 'node:fs/promises'
import type { Locator, Page } from 'playwright-core'
import { afterAll, describe, expect, it } from 'vitest'
import type { Answers, Explanation } from '../../src/client/client.ts'
import { longFilm, mediaFolder, mediaUrl, type MediaFolder } from '../kit/servers/media.ts'
import { isFocused, pictureLoaded, useDashboard, type Visit } from './dashboard.ts'

const TEXT = 'Tides, 2024\n<b>not bold</b> – ünïcödé\n'

let media: MediaFolder
const { withDashboard, api } = useDashboard(async () => {
  media = await mediaFolder()
  await media.add('video/long.mp4', await longFilm())
  await writeFile(media.file('docs/tides.txt'), TEXT)
  await writeFile(media.file('docs/tides.bin'), Buffer.from([0xca, 0xfe, 0xba, 0xbe]))
  return { media: media.path }
})
afterAll(() => media.remove())

const explain = (name: string) => api<Explanation>('GET', `explain/${mediaUrl('', name)}`)
const preview = (page: Page, selector: string) =>
  page.getByLabel('Preview', { exact: true }).locator(selector)

it('prior versions are listed, and one of them is restored', () =>
  withDashboard(async ({ page, open }) => {
    const time = '2026-11-28T22:15:00.000Z'
    const version = { reason: 'replaced', backend: 'media', size: 2048, etag: null, modified_time: null }
    const versions = [
      { ...version, time: '2026-11-28T22:16:00.000Z' },
      { ...version, time },
    ]
    await page.route('**/-/api/prior_versions/**', (route) => route.fulfill({ json: { name: '', versions } }))
    const bodies: unknown[] = []
    await page.route('**/-/api/restore/**', (route) => {
      bodies.push(route.request().postDataJSON())
      return route.fulfill({ json: { name: '', restored_time: time, size: 2048 } })
    })
    await open('#/object/docs/tides.txt')
    const rows = page.getByRole('table').getByRole('row').filter({ hasText: 'replaced' })
    await rows.nth(1).getByRole('button', { name: 'Restore' }).click()
    await page.getByText('The version is restored').waitFor()
    expect(await rows.count()).toBe(2)
    expect(bodies).toEqual([{ time }])
  }))

it('the preview is of the version that was restored', () =>
  withDashboard(async ({ page, open, stack }) => {
    const put = async (body: string): Promise<void> => {
      const headers = { Authorization: `Bearer ${stack.token}`, 'Content-Type': 'text/plain' }
      const response = await fetch(mediaUrl(stack.worker.url, 'docs/again.txt'), {
        method: 'PUT',
        headers,
        body,
      })
      expect(response.ok).toBe(true)
    }
    await put('first')
    const time = '2026-11-28T22:15:00.000Z'
    const versions = [
      { reason: 'replaced', backend: 'media', size: 6, etag: null, modified_time: null, time },
    ]
    await page.route('**/-/api/prior_versions/**', (route) => route.fulfill({ json: { name: '', versions } }))
    await page.route('**/-/api/restore/**', async (route) => {
      await put('second')
      await route.fulfill({ json: { name: '', restored_time: time, size: 6 } })
    })
    await open('#/object/docs/again.txt')
    await preview(page, 'pre').getByText('first').waitFor()
    await page.getByRole('button', { name: 'Restore' }).click()
    await preview(page, 'pre').getByText('second').waitFor()
  }))

/** Shows the chain as if legacy were a mirror. */
async function asMirror(page: Page): Promise<void> {
  const known = await api<Answers['listBackends']>('GET', 'backends')
  const backends = known.backends.map((backend) =>
    backend.name === 'legacy' ? { ...backend, role: 'mirror', config: { mirror: true } } : backend,
  )
  await page.route('**/-/api/backends', (route) => route.fulfill({ json: { ...known, backends } }))
}

describe('the tour', () => {
  const NAME = 'photos/2024/fractal.webp'

  async function toTheDelete({ page, open }: Visit): Promise<Locator> {
    await page.addInitScript((name) => localStorage.setItem('tour-picture', name), NAME)
    await open('#/welcome')
    await page.getByRole('button', { name: 'Request it again' }).click()
    return page.getByRole('button', { name: 'Delete it' })
  }

  it('looks for its picture only where a token may see', () =>
    withDashboard(async ({ page, open }) => {
      const known = await api<Answers['getSession']>('GET', 'session')
      await page.route('**/-/api/session', (route) =>
        route.fulfill({ json: { ...known, scopes: ['read'], prefix: 'photos/2024/' } }),
      )
      const listed = page.waitForRequest('**/-/api/list/**')
      await open('#/welcome')
      expect(new URL((await listed).url()).pathname).toBe('/-/api/list/photos/2024/')
      await page.getByRole('link', { name: NAME }).waitFor()
    }))

  it('does not say that everything has moved while a backend cannot be listed', () =>
    withDashboard(async ({ page, open }) => {
      const failed = { name: 'legacy', error: 'unavailable', detail: 'the origin answered 503' }
      const empty = { prefix: '', objects: [], directories: [], cursor: null }
      await page.route('**/-/api/list/**', (route) =>
        route.fulfill({ json: { ...empty, degraded: ['legacy'], backends: [failed] } }),
      )
      await open('#/welcome')
      await page.getByRole('alert').getByText('legacy: the origin answered 503').waitFor()
      expect(await page.getByText('No picture is left to move').count()).toBe(0)
      await page.unroute('**/-/api/list/**')
      await page.getByRole('button', { name: 'Try again' }).click()
      await page.getByRole('list').getByText('Request it again: it has moved').waitFor()
    }))

  it('deletes no picture that only a mirror has as well', () =>
    withDashboard(async (visit) => {
      await api('POST', 'migrate', { names: [NAME] })
      await asMirror(visit.page)
      const remove = await toTheDelete(visit)
      await visit.page.getByText('no other backend keeps the same (a mirror follows deletes)').waitFor()
      expect(await remove.isDisabled()).toBe(true)
    }))

  it('deletes no picture that has changed since it was looked at', () =>
    withDashboard(async (visit) => {
      await api('POST', 'migrate', { names: [NAME] })
      const remove = await toTheDelete(visit)
      await expect.poll(() => remove.isEnabled()).toBe(true)
      const found = await explain(NAME)
      const backends = found.backends.filter(({ name }) => name === 'media')
      await visit.page.route('**/-/api/explain/**', (route) =>
        route.fulfill({ json: { ...found, backends } }),
      )
      await remove.click()
      await visit.page.locator('.step-result').getByText('could not be undeleted').waitFor()
      expect(await explain(NAME)).toMatchObject({ would_serve: 'media', tombstone: null })
    }))
})

describe('a preview', () => {
  it('of a picture shows it', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/object/photos/2024/fractal.webp')
      const image = preview(page, 'img')
      await image.waitFor()
      expect(
        await image.evaluate(async (img: HTMLImageElement) => {
          await img.decode()
          return [img.naturalWidth, img.naturalHeight]
        }),
      ).toEqual([640, 426])
    }))

  it.each(['video/testcard.mp4', 'video/long.mp4'])(
    'of %s plays on from where it has not loaded yet',
    (name) =>
      withDashboard(async ({ page, open }) => {
        const statuses: number[] = []
        page.on('response', (response) => {
          if (response.url().includes('/-/api/preview/')) statuses.push(response.status())
        })
        await open(`#/object/${name}`)
        const video = preview(page, 'video')
        await video.waitFor()
        const { duration, soughtTo, playedTo } = await video.evaluate(async (element: HTMLVideoElement) => {
          const event = (type: string) =>
            new Promise((resolve) => element.addEventListener(type, resolve, { once: true }))
          if (element.readyState < 1) await event('loadedmetadata')
          const sought = event('seeked')
          element.muted = true
          element.currentTime = element.duration * 0.75
          await sought
          const from = element.currentTime
          await element.play()
          while (element.currentTime < from + 0.5) await event('timeupdate')
          return { duration: element.duration, soughtTo: from, playedTo: element.currentTime }
        })
        expect(duration).toBeCloseTo(8, 1)
        expect(soughtTo).toBeCloseTo(6, 1)
        expect(playedTo).toBeGreaterThan(6.4)
        expect(new Set(statuses)).toEqual(new Set([206]))
      }),
  )

  it('of a sound can be played', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/object/audio/chime.mp3')
      const audio = preview(page, 'audio')
      await audio.waitFor()
      await page.waitForFunction(
        (element) => (element as HTMLAudioElement).duration > 0,
        await audio.elementHandle(),
      )
      expect(await audio.evaluate((element: HTMLAudioElement) => element.error)).toBeNull()
    }))

  it('of a PDF is the browser’s own viewer', () =>
    withDashboard(async ({ page, open }) => {
      const response = page.waitForResponse(
        (answer) =>
          answer.url().includes('/preview/docs/leaflet.pdf') &&
          answer.request().resourceType() === 'document',
      )
      await open('#/object/docs/leaflet.pdf')
      expect((await response).status()).toBe(200)
      const frame = await (await preview(page, 'iframe').elementHandle())?.contentFrame()
      await frame?.waitForURL(/leaflet\.pdf\?version=/)
      expect(await frame?.evaluate(() => document.contentType)).toBe('application/pdf')
      const viewer = () => page.frames().some((one) => one.url().startsWith('chrome-extension:'))
      await expect.poll(viewer).toBe(true)
    }))

  it('of text is its text, and of other bytes their numbers', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/object/docs/tides.txt')
      await preview(page, 'pre').waitFor()
      expect(await preview(page, 'pre').textContent()).toBe(TEXT)
      await open('#/object/docs/tides.bin')
      await page.getByText('ca fe ba be').waitFor()
    }))
})

describe('“Copy link”', () => {
  const NAME = "photos/a (1)'s.jpg"
  const OTHER_HOST = 'https://media.example.com/photos/a%20%281%29%27s.jpg'

  async function copied({ page, context, open }: Visit): Promise<string> {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await open(`#/object/${mediaUrl('', NAME)}`)
    await page.getByRole('button', { name: 'Copy link' }).click()
    await page.getByText('The link is copied').waitFor()
    return page.evaluate(() => navigator.clipboard.readText())
  }

  it.each([
    ['signed, of any host and name', `${OTHER_HOST}?expires=1&key=a&signature=b`, null],
    ['the own address in place of a backend’s', `${OTHER_HOST}?X-Amz-Signature=b`, `photos/a%20(1)'s.jpg`],
  ])('copies %s', (_, url, own) =>
    withDashboard(async (visit) => {
      await visit.page.route('**/-/api/url/**', (route) => route.fulfill({ json: { name: NAME, url } }))
      expect(await copied(visit)).toBe(own === null ? url : visit.stack.worker.url + own)
    }),
  )

  it('copies nothing if the signature cannot be got', () =>
    withDashboard(
      async (visit) => {
        await visit.page.route('**/-/api/url/**', (route) => route.fulfill({ status: 403 }))
        await visit.context.grantPermissions(['clipboard-read', 'clipboard-write'])
        await visit.open(`#/object/${mediaUrl('', NAME)}`)
        await visit.page.getByRole('button', { name: 'Copy link' }).click()
        await visit.page.getByText('HTTP 403').waitFor()
        expect(await visit.page.getByText('The link is copied').count()).toBe(0)
      },
      { failing: /^403 / },
    ))
})

describe('an object', () => {
  it('is migrated on request, and shown in every backend that has it', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/object/photos/harbour.jpg')
      const row = (label: string) =>
        page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: label }) })
      await page.getByRole('button', { name: 'Migrate now' }).click()
      await page.getByText('harbour.jpg is copied').waitFor()
      await page.getByText('A read is answered by media. There is nothing to copy.').waitFor()
      expect(await row('Copied from').textContent()).toContain('legacy')
      expect(await page.getByRole('button', { name: 'Migrate now' }).count()).toBe(0)
      expect(await explain('photos/harbour.jpg')).toMatchObject({
        would_serve: 'media',
        migration: { state: 'present' },
      })
    }))

  it('is deleted at once, undone from the message, and undeleted later', () =>
    withDashboard(async ({ page, open }) => {
      const name = 'photos/sun.png'
      await open(`#/object/${name}`)
      await pictureLoaded(page)
      await page.getByRole('button', { name: 'Delete' }).click()
      await page.getByText('sun.png is deleted. legacy still has it.').waitFor()
      expect(await explain(name)).toMatchObject({ would_serve: null, migration: { state: 'deleted' } })
      await page.getByRole('button', { name: 'Undo' }).click()
      await page.getByText('sun.png is back: legacy serves it').waitFor()
      expect(await explain(name)).toMatchObject({ would_serve: 'legacy', tombstone: null })

      await pictureLoaded(page)
      await page.getByRole('button', { name: 'Delete' }).click()
      await page.getByText('legacy still has it, hidden by the tombstone in media').waitFor()
      await page.reload()
      await page.getByRole('button', { name: 'Undelete' }).click()
      await page.getByText('sun.png is back: legacy serves it').waitFor()
      await preview(page, 'img').waitFor()
      expect(await explain(name)).toMatchObject({ would_serve: 'legacy', tombstone: null })
    }))

  it('that only the primary has is deleted only after a question, which gives the focus back', () =>
    withDashboard(async ({ page, stack, open }) => {
      const name = 'docs/only-here.txt'
      await fetch(mediaUrl(stack.worker.url, name), {
        method: 'PUT',
        headers: { Authorization: `Bearer ${stack.token}`, 'Content-Type': 'text/plain' },
        body: 'only here',
      })
      await open(`#/object/${name}`)
      await preview(page, 'pre').waitFor()
      const remove = page.getByRole('button', { name: 'Delete', exact: true })
      await remove.click()
      const dialog = page.getByRole('dialog')
      await dialog.waitFor()
      await page.keyboard.press('Escape')
      await dialog.waitFor({ state: 'detached' })
      await expect.poll(isFocused(remove)).toBe(true)
      await remove.click()
      await dialog.getByText('No other backend has it, so an undelete cannot bring it back.').waitFor()
      await dialog.getByText('Only a prior version could').waitFor()
      await dialog.getByRole('button', { name: 'Delete' }).click()
      await page.getByText('only-here.txt is deleted').waitFor()
      await page.getByText('an undelete would bring nothing back').waitFor()
      expect(await explain(name)).toMatchObject({ would_serve: null })
    }))

  it('that only a mirror has as well is deleted only after a question, because the mirror follows', () =>
    withDashboard(async ({ page, open }) => {
      await asMirror(page)
      await open('#/object/docs/tides.txt')
      await page.getByRole('button', { name: 'Delete', exact: true }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByText('legacy is a mirror and follows the delete, so an undelete cannot').waitFor()
      await dialog.getByRole('button', { name: 'Keep it' }).click()
      expect(await explain('docs/tides.txt')).toMatchObject({ would_serve: 'legacy', tombstone: null })
    }))

  it('that no backend has says so', () =>
    withDashboard(async ({ page, open }) => {
      await open('#/object/photos/nowhere.jpg')
      await page.getByText('No backend has it').waitFor()
      expect(await page.getByRole('button', { name: 'Delete' }).count()).toBe(0)
    }))
})
