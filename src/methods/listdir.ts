import type { Backend } from '../storage/backend.ts'
import type { Degraded, MergeListOptions } from '../chain/merge-list.ts'
import { mergeList } from '../chain/merge-list.ts'
import { compareNames } from '../storage/order.ts'

export interface DirectoryPage {
  /** Names within the path, without it and without the trailing `/`. */
  directories: string[]
  files: string[]
  cursor: string | null
  degraded: Degraded[]
}

/**
 * What a path holds, as Django's `listdir` tells it: local names, each once. An object named as the path itself (a
 * directory's placeholder) is not one of its files.
 */
export async function listdir(
  backends: readonly Backend[],
  path: string,
  options: Omit<MergeListOptions, 'prefix' | 'delimiter'>,
): Promise<DirectoryPage> {
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`
  const { objects, directories, cursor, degraded } = await mergeList(backends, {
    ...options,
    prefix,
    delimiter: '/',
  })
  return {
    // Without its slash a directory sorts elsewhere: `a-b/` comes before `a/`, but `a` before `a-b`.
    directories: directories.map((name) => name.slice(prefix.length, -1)).toSorted(compareNames),
    files: objects.map(({ name }) => name.slice(prefix.length)).filter((name) => name !== ''),
    cursor,
    degraded,
  }
}
