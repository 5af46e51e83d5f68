import { existsSync, globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'

const root = new URL('../../', import.meta.url)

/** Markdown files outside docs/ that are pages of the site, each under `project/`. */
const PROJECT_PAGES = ['SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md']

/** Matches the target of a link or an image, without its anchor and title. */
const LINK = /(\]\()([^)\s#]+)(?=[)\s#])/g

/** Files outside docs/ that pages of the site link to, by their path in the repository. */
export function linkedOutside(): string[] {
  const found = new Set(PROJECT_PAGES)
  const inDocs = globSync('docs/**/*.md', { cwd: root }).filter((path) => !path.includes('['))
  for (const path of inDocs) for (const linked of linksOutside(path)) found.add(linked)
  // What is added on the way is visited too.
  for (const path of found)
    if (path.endsWith('.md')) for (const linked of linksOutside(path)) found.add(linked)
  return [...found]
}

function linksOutside(page: string): string[] {
  const markdown = readFileSync(new URL(page, root), 'utf8')
  return Array.from(markdown.matchAll(LINK), ([, , target = '']) => outsideDocs(page, target)).filter(
    (path) => path !== null && path !== 'README.md',
  ) as string[]
}

/** The pages made of files outside docs/: the name under `project/`, and the Markdown with links that work from there. */
export function projectPages(): { params: { page: string }; content: string }[] {
  return linkedOutside()
    .filter((path) => path.endsWith('.md'))
    .map((path) => {
      const content = readFileSync(new URL(path, root), 'utf8')
      return { params: { page: pageName(path) }, content: content.replaceAll(LINK, relink(path)) }
    })
}

/** Where a link of a page leads on the site if its target is outside docs/; otherwise `null`. Both are relative to the repository. */
export function siteTarget(page: string, target: string): string | null {
  const path = outsideDocs(page, target)
  if (path === null) return null
  // The site's first page says the same.
  if (path === 'README.md') return '/index.md'
  return path.endsWith('.md') ? `/project/${pageName(path)}.md` : `/files/${path}.txt`
}

function relink(path: string) {
  return (link: string, start: string, target: string): string => {
    const resolved = resolve(path, target)
    if (resolved === null) return link
    const inDocs = resolved.startsWith('docs/')
    return start + (inDocs ? `/${resolved.slice('docs/'.length)}` : (siteTarget(path, target) ?? target))
  }
}

function outsideDocs(page: string, target: string): string | null {
  const path = resolve(page, target)
  return path === null || path.startsWith('docs/') ? null : path
}

/** The path in the repository; of a folder, its README. `null` for addresses. */
function resolve(page: string, target: string): string | null {
  if (/^([a-z]+:|\/|#)/i.test(target)) return null
  const path = posix.join(posix.dirname(page), decodeURI(target))
  const readme = posix.join(path, 'README.md')
  return existsSync(new URL(readme, root)) ? readme : path
}

function pageName(path: string): string {
  return path
    .replace(/(\/README)?\.md$/, '')
    .replaceAll('/', '-')
    .toLowerCase()
}
