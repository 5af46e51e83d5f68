import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { DefaultTheme } from 'vitepress'
import { NAVIGATION, type Section } from '../../docs/.vitepress/navigation.ts'

const docs = new URL('../../docs/', import.meta.url)

/** The three paths through the docs, as links at the top of each page. */
export function topics(): DefaultTheme.NavItem[] {
  return NAVIGATION.map((section) => {
    const pages = pagesOf(section)
    return {
      text: section.title,
      link: `/${pages.find((page) => page !== 'index')}`,
      activeMatch: `^/(${pages.filter((page) => page !== 'index').join('|')})(\\.html)?$`,
    }
  })
}

export function sidebar(): DefaultTheme.SidebarItem[] {
  return NAVIGATION.map(({ title, groups }) => {
    const items = Object.entries(groups).map(([text, pages]) => ({
      text,
      items: pages
        .filter(([, page]) => isPage(page))
        .map(([name, page]) => ({ text: name, link: `/${page}` })),
    }))
    return { text: title, items: items.length === 1 ? items[0]!.items : items }
  }).concat({ text: 'Decisions', collapsed: true, items: decisions() } as never)
}

function pagesOf({ groups }: Section): string[] {
  return Object.values(groups)
    .flat()
    .map(([, page]) => page)
    .filter(isPage)
}

function isPage(page: string): boolean {
  return page.startsWith('project/') || existsSync(new URL(`${page}.md`, docs))
}

function decisions(): DefaultTheme.SidebarItem[] {
  return globSync('decisions/[0-9]*.md', { cwd: docs })
    .toSorted()
    .map((path) => ({
      text: /^# (.*)/.exec(readFileSync(new URL(path, docs), 'utf8'))?.[1] ?? basename(path),
      link: `/${path.replace(/\.md$/, '')}`,
    }))
}
