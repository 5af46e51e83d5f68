import { cpSync } from 'node:fs'
import { join } from 'node:path'
import type { MarkdownEnv, MarkdownRenderer } from 'vitepress'
import { linkedOutside, siteTarget } from './outside.ts'

const root = new URL('../../', import.meta.url).pathname

type CoreRule = Parameters<MarkdownRenderer['core']['ruler']['push']>[1]

/** Lets links to files outside docs/ lead to their place on the site. */
export const rewriteLinks: CoreRule = ({ tokens, env }) => {
  const page = `docs/${(env as MarkdownEnv).relativePath}`
  for (const token of tokens.flatMap(({ children }) => children ?? [])) {
    if (token.type !== 'link_open') continue
    const [path = '', anchor] = (token.attrGet('href') ?? '').split('#')
    const target = siteTarget(page, path)
    if (path !== '' && target !== null) token.attrSet('href', anchor ? `${target}#${anchor}` : target)
  }
}

/** Files outside docs/ that pages link to are on the site as plain text, which every browser shows. */
export function copyLinkedFiles(outDir: string): void {
  for (const path of linkedOutside().filter((linked) => !linked.endsWith('.md')))
    cpSync(join(root, path), join(outDir, 'files', `${path}.txt`))
}
