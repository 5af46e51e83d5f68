import type { Chain } from '../../chain/fallback.ts'
import { mergeList, type MergedPage, type MergeListOptions } from '../../chain/merge-list.ts'
import { S3ApiError } from '../../s3/errors.ts'
import { StorageError } from '../../storage/errors.ts'
import { whyInvalid } from '../../storage/name.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { mapLimited } from '../../storage/map-limited.ts'
import { withS3Tag } from './object-tag.ts'

/** An object with everything that clients expect of each. */
export interface Entry {
  name: string
  size: number
  modified: Date
  etag: string
}

export interface Page {
  entries: Entry[]
  directories: string[]
  /** `null` on the last page. */
  cursor: string | null
  /** Backends that cannot list at all. */
  notListed: string[]
}

/** The most objects in a page that are looked up, because their backend's listing says too little. */
const MAX_LOOKUPS = 100
/** Clients expect no empty page before the last: this many are passed over. */
const MAX_EMPTY_PAGES = 20
/** Where no time is known: clients need one, and this never makes an object newer than their copy. */
export const UNKNOWN_TIME = new Date(0)

/** The next page with entries. A listing is complete or fails, since clients delete what a listing lacks. */
export async function readPage(chain: Chain, options: MergeListOptions): Promise<Page> {
  const entryOf = (info: ObjectInfo): Entry | undefined => {
    const { name, size, modified, etag } = withS3Tag(chain, info)
    return size === undefined || !modified || etag === undefined ? undefined : { name, size, modified, etag }
  }
  const lookUp = async (listed: ObjectInfo): Promise<Entry | null> => {
    const found = await chain.head(listed.name, { fresh: true })
    // It was deleted since.
    if (!found) return null
    const entry = entryOf({ modified: UNKNOWN_TIME, ...listed, ...found })
    if (entry) return entry
    const detail = `${found.backend} does not tell the size of "${listed.name}", which a listing must have`
    throw new S3ApiError('NotImplemented', detail)
  }

  let { cursor } = options
  for (let empty = 0; ; empty++) {
    const position = { ...options, cursor }
    let page = await readMerged(chain, position)
    if (page.objects.filter((info) => !entryOf(info)).length > MAX_LOOKUPS)
      page = await readMerged(chain, { ...position, limit: MAX_LOOKUPS })
    const entries = await mapLimited(page.objects, async (info) => entryOf(info) ?? lookUp(info))
    const { directories } = page
    const isEmpty = entries.length + directories.length === 0
    if (page.cursor === null || !isEmpty || empty === MAX_EMPTY_PAGES)
      return {
        entries: entries.filter((entry) => entry !== null),
        directories,
        cursor: page.cursor,
        notListed: page.degraded.map(({ name }) => name),
      }
    cursor = page.cursor
  }
}

/** Without names that cannot be requested. */
async function readMerged(chain: Chain, options: MergeListOptions): Promise<MergedPage> {
  const page = await mergeList(chain.backends, { ...options, tombstones: chain.tombstones })
  const { failures } = page
  if (failures.length > 0)
    throw new StorageError('unavailable', 'these backends failed, so the listing would be incomplete', {
      failures,
    })
  return {
    ...page,
    objects: page.objects.filter(({ name }) => whyInvalid(name) === undefined),
    // With one more character, it is a name inside the directory.
    directories: page.directories.filter((name) => whyInvalid(`${name}x`) === undefined),
  }
}
