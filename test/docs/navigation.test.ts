import { globSync } from 'node:fs'
import { expect, it } from 'vitest'
import { NAVIGATION } from '../../docs/.vitepress/navigation.ts'
import { root } from '../../scripts/docs/markdown.ts'

it('has every page of docs/ exactly once', () => {
  const pages = NAVIGATION.flatMap(({ groups }) => Object.values(groups).flat()).map(([, page]) => page)
  expect(pages).toHaveLength(new Set(pages).size)
  // Decisions are listed by their numbers.
  const files = globSync('docs/*.md', { cwd: root }).map((path) => path.slice('docs/'.length, -'.md'.length))
  expect(files.filter((page) => !pages.includes(page))).toEqual([])
})
