import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults, RunOnly, RunOptions } from 'axe-core'
import type { Page } from 'playwright-core'

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const RULES: RunOnly = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag22aa', 'best-practice'] }
/** Themes differ in nothing else. */
const RULES_ON_COLOURS: RunOnly = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] }

const THEMES = ['light', 'dark'] as const
const WIDTHS = [1280, 360]
/** A window of 1,280 pixels at a zoom of 400 %. */
const ZOOMED = 320

/**
 * What axe finds, and what scrolls sideways: in both themes, wide and narrow. `state` says what is shown.
 * The page's own policy forbids to add a script to it, so the source is evaluated.
 */
export async function violations(page: Page, state: string): Promise<string[]> {
  await page.evaluate(AXE)
  const found: string[] = []
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 })
    for (const part of await overflow(page)) found.push(`${state}, ${width} px: ${part}`)
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme })
      const rules = theme === 'light' ? RULES : RULES_ON_COLOURS
      for (const violation of await axeViolations(page, rules))
        found.push(`${state}, ${width} px, ${theme}: ${violation}`)
    }
  }
  await page.setViewportSize({ width: ZOOMED, height: 800 })
  for (const part of await overflow(page)) found.push(`${state}, ${ZOOMED} px: ${part}`)
  await page.setViewportSize({ width: 1280, height: 800 })
  await page.emulateMedia({ colorScheme: 'light' })
  return found
}

async function axeViolations(page: Page, runOnly: RunOnly): Promise<string[]> {
  // What is loaded again is dimmed.
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' })
  // Half of a transition has colours of its own.
  await page.waitForFunction(() =>
    document
      .getAnimations()
      .every(
        ({ playState, effect }) =>
          playState !== 'running' || effect?.getComputedTiming().endTime === Infinity,
      ),
  )
  const found = await page.evaluate(async (rules) => {
    const { axe } = globalThis as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } }
    return (await axe.run({ runOnly: rules, resultTypes: ['violations'] })).violations
  }, runOnly)
  return found.flatMap(({ id, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary?.split('\n')[1]?.trim()}`,
    ),
  )
}

/** What makes the page scroll sideways. */
export function overflow(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement
    if (scrollWidth <= clientWidth) return []
    const wide = [...document.querySelectorAll('body *')].filter(
      (element) => element.getBoundingClientRect().right > clientWidth + 1,
    )
    return [
      `${scrollWidth} px`,
      ...wide.slice(0, 5).map(({ tagName, className }) => `${tagName}.${className}`),
    ]
  })
}

interface Focused {
  what: string
  hasOutline: boolean
}

/** Goes through the page with Tab until a stop comes again, as the browser's own controls lead back to the start. */
export async function tabThrough(page: Page, limit = 250): Promise<Focused[]> {
  const stops = new Map<number, Focused>()
  for (let count = 0; count < limit; count += 1) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(() => {
      const element = document.activeElement
      if (!element || element === document.body) return null
      const known = globalThis as unknown as { tabStops?: Element[] }
      known.tabStops ??= []
      if (!known.tabStops.includes(element)) known.tabStops.push(element)
      const { outlineStyle, outlineWidth } = getComputedStyle(element)
      // A link may draw it as a frame around all of its row.
      const frame = getComputedStyle(element, '::after')
      return {
        index: known.tabStops.indexOf(element),
        what: `${element.tagName.toLowerCase()} ${element.getAttribute('aria-label') ?? element.textContent?.trim().slice(0, 40)}`,
        hasOutline:
          (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) ||
          (frame.content !== 'none' && parseFloat(frame.borderTopWidth) >= 2),
      }
    })
    if (stop === null) continue
    if (stops.has(stop.index)) return [...stops.values()]
    stops.set(stop.index, stop)
  }
  throw new Error(`Tab does not come back to its start, but is at ${[...stops.values()].at(-1)?.what}`)
}
