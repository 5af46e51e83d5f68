import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { anchors, links, markdownFiles, readMarkdown, root } from '../../scripts/docs/markdown.ts'

const exists = (path: string): boolean => existsSync(new URL(path, root))

/** Links of a file that lead nowhere; both are relative to the repository. */
function broken(path: string, markdown: string): string[] {
  return links(markdown).filter((link) => {
    if (/^[a-z]+:/i.test(link)) return !URL.canParse(link)
    const [target = '', anchor] = link.split('#')
    const file = target === '' ? path : posix.join(posix.dirname(path), decodeURI(target))
    if (file !== path && (file.startsWith('..') || !exists(file))) return true
    if (anchor === undefined || !file.endsWith('.md')) return false
    return !anchors(file === path ? markdown : readMarkdown(file)).has(decodeURI(anchor))
  })
}

it.each(markdownFiles())('every link of %s leads to a file, and to a heading of it', (path) => {
  expect(broken(path, readMarkdown(path))).toEqual([])
})

describe('the check', () => {
  it.each([
    ['a file that does not exist', '[a](missing.md)'],
    ['a heading that does not exist', '[a](s3.md#no-such-heading)'],
    ['a heading of the same file that does not exist', '# A\n\n[a](#b)'],
    ['a file outside of the repository', '[a](../../other/README.md)'],
    ['a picture that does not exist', '![a](images/none.svg)'],
    ['the target of a reference', '[a][b]\n\n[b]: none.md'],
    ['an attribute of HTML', '<img src="images/none.png">'],
  ])('finds %s', (_, markdown) => {
    expect(broken('docs/page.md', markdown)).toHaveLength(1)
  })

  it.each([
    ['code', '`[a](missing.md)`\n\n```md\n[a](missing.md)\n```\n'],
    ['the second heading with the same text', '# A b\n\n# A b\n\n[a](#a-b) [a](#a-b-1)'],
    ['headings with code and punctuation', '## `a`, b & c: “d”?\n\n[a](#a-b--c-d)'],
    ['folders and other pages', '[a](decisions) [b](../README.md#try-it) [c](https://example.com/)'],
  ])('accepts %s', (_, markdown) => {
    expect(broken('docs/page.md', markdown)).toEqual([])
  })
})
