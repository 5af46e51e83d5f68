import { globSync, readFileSync } from 'node:fs'
import { slug } from './slug.ts'

export const root = new URL('../../', import.meta.url)

/** A fenced block of code, with what precedes it. */
export interface Fence {
  language: string
  code: string
  /** The number of the line after the opening fence. */
  line: number
  /** The last line of text before it. */
  before: string
}

/** Every Markdown file that readers see, by its path in the repository. */
export function markdownFiles(): string[] {
  return globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'python/**/*.md'], {
    cwd: root,
    exclude: (path) => path.includes('node_modules'),
  })
    .filter((path) => !path.includes('['))
    .toSorted()
}

export function readMarkdown(path: string): string {
  return readFileSync(new URL(path, root), 'utf8')
}

const FENCE = /^( *)(`{3,})([\w-]*)[^\n]*\n(.*?)^\1\2 *$/gms

export function fences(markdown: string): Fence[] {
  return Array.from(markdown.matchAll(FENCE), ({ 1: indent = '', 3: language = '', 4: code = '', index }) => {
    const above = markdown.slice(0, index).split('\n')
    return {
      language,
      code: indent ? code.replaceAll(new RegExp(`^${indent}`, 'gm'), '') : code,
      line: above.length + 1,
      before: above.findLast((line) => line.trim() !== '')?.trim() ?? '',
    }
  })
}

/** The anchors of all headings. */
export function anchors(markdown: string): Set<string> {
  const found = new Set<string>()
  for (const [, heading = ''] of markdown.replaceAll(FENCE, '').matchAll(/^#{1,6} +(.*?) *$/gm)) {
    const base = slug(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, ''))
    let anchor = base
    for (let count = 1; found.has(anchor); count += 1) anchor = `${base}-${count}`
    found.add(anchor)
  }
  return found
}

/** The targets of links and images, without titles. */
export function links(markdown: string): string[] {
  const prose = markdown.replaceAll(FENCE, '').replaceAll(/(`+)[^`].*?\1/g, '')
  const patterns = [/\]\(<?([^)\s>]+)/g, /^ *\[[^\]]+\]: +(\S+)/gm, /\b(?:src|srcset|href)="([^"]+)"/g]
  return patterns.flatMap((pattern) => Array.from(prose.matchAll(pattern), ([, target = '']) => target))
}
