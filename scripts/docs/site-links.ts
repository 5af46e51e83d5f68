import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** Links, pictures, styles and scripts of a built site that lead nowhere or load something from elsewhere, with their pages. */
export function brokenSiteLinks(folder: string): string[] {
  const pages = new Map(
    globSync('**/*.html', { cwd: folder }).map((page) => [page, readFileSync(join(folder, page), 'utf8')]),
  )
  if (pages.size === 0) throw new Error(`there are no pages in ${folder}`)
  const ids = new Map<string, Set<string>>()
  const idsOf = (page: string): Set<string> => {
    const known = ids.get(page) ?? new Set(attributes(pages.get(page) ?? '', 'id'))
    ids.set(page, known)
    return known
  }
  const isBroken = (page: string, link: string): boolean => {
    const [target = '', anchor = ''] = link.replace(/\?[^#]*/, '').split('#')
    const path = target === '' ? page : posix.join(target.startsWith('/') ? '' : posix.dirname(page), target)
    const file = path.replace(/^\//, '').replace(/(^|\/)$/, '$1index.html')
    if (!existsSync(join(folder, file))) return true
    return anchor !== '' && pages.has(file) && !idsOf(file).has(decodeURIComponent(anchor))
  }
  return [...pages].flatMap(([page, html]) => {
    const loaded = [...attributes(html, 'src'), ...attributes(html, 'href', 'link')]
    const links = [...attributes(html, 'href'), ...loaded]
    return [
      ...loaded.filter(isElsewhere).map((link) => `${page} loads ${link}`),
      ...[...new Set(links)]
        .filter((link) => !isElsewhere(link) && isBroken(page, link))
        .map((link) => `${page} → ${link}`),
    ]
  })
}

function isElsewhere(link: string): boolean {
  return /^([a-z]+:|\/\/)/i.test(link)
}

function attributes(html: string, name: string, tag = '[a-z][a-z\\d-]*'): string[] {
  const pattern = new RegExp(`<${tag}\\b[^>]*?\\s${name}="([^"]*)"`, 'g')
  return Array.from(html.matchAll(pattern), ([, value = '']) => value.replaceAll('&amp;', '&'))
}
