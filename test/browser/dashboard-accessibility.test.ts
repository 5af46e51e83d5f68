import { describe, expect, it } from 'vitest'
import { violations, tabThrough } from './accessibility.ts'
import { useDashboard } from './dashboard.ts'

const { withDashboard } = useDashboard()

const VIEWS: Record<string, string> = {
  browse: '#/browse/photos/',
  'the root': '#/',
  object: '#/object/photos/harbour.jpg',
  migration: '#/migration',
  health: '#/health',
  welcome: '#/welcome',
  'no such page': '#/nowhere',
}

describe('axe finds nothing and nothing scrolls sideways', () => {
  it.each(Object.entries(VIEWS))('in %s', (state, hash) =>
    withDashboard(async ({ page, open }) => {
      await page.goto('about:blank')
      await open(hash).catch(() => undefined)
      await page.waitForLoadState('networkidle')
      expect(await violations(page, state)).toEqual([])
    }),
  )

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
})

describe('the keyboard', () => {
  it.each(Object.entries(VIEWS))('reaches all of %s, with a visible outline on each', (_, hash) =>
    withDashboard(async ({ page, open }) => {
      await open(hash).catch(() => undefined)
      await page.waitForLoadState('networkidle')
      const stops = await tabThrough(page)
      expect(stops.length).toBeGreaterThan(5)
      expect(stops.filter(({ hasOutline }) => !hasOutline)).toEqual([])
    }),
  )
})

it('moves nothing for those who want less motion', () =>
  withDashboard(
    async ({ page, open }) => {
      for (const hash of Object.values(VIEWS)) {
        await open(hash).catch(() => undefined)
        const moving = await page.evaluate(() =>
          [...document.querySelectorAll('*')].flatMap((element) => {
            const { transitionDuration, animationDuration, animationName } = getComputedStyle(element)
            const longest = (list: string) =>
              Math.max(...list.split(',').map((one) => parseFloat(one) * (one.includes('ms') ? 1 : 1000)))
            const time = Math.max(
              longest(transitionDuration),
              animationName === 'none' ? 0 : longest(animationDuration),
            )
            return time > 10 ? [`${element.tagName}.${element.getAttribute('class')}: ${time} ms`] : []
          }),
        )
        expect(moving, hash).toEqual([])
      }
    },
    { reducedMotion: true },
  ))
