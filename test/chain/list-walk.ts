import type { Backend } from '../../src/storage/backend.ts'
import type { MergedPage, MergeListOptions } from '../../src/chain/merge-list.ts'
import { mergeList } from '../../src/chain/merge-list.ts'
import type { Held } from './list-backends.ts'

/** `count` names in order: `PREFIX0000`, `PREFIX0001`, … */
export function names(count: number, prefix = ''): Held[] {
  return Array.from({ length: count }, (_, index) => ({ name: prefix + String(index).padStart(4, '0') }))
}

/** Everything on a page: its objects' names, then its directories. */
export function entries({ objects, directories }: MergedPage): string[] {
  return [...objects.map(({ name }) => name), ...directories]
}

/** The option for the next page; none at the end of the listing. */
export function next(cursor: string | null): Pick<MergeListOptions, 'cursor'> {
  if (cursor === null) throw new Error('the listing ended')
  return { cursor }
}

/** Every page from `options.cursor` (or the start) to the last. */
export async function walk(backends: readonly Backend[], options: MergeListOptions): Promise<MergedPage[]> {
  const pages: MergedPage[] = []
  let cursor: string | null | undefined = options.cursor
  while (cursor !== null) {
    const page = await mergeList(backends, { ...options, ...(cursor !== undefined && { cursor }) })
    pages.push(page)
    cursor = page.cursor
  }
  return pages
}
