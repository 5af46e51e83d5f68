import type { ListOptions, ListPage } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { withSpareSlots } from '../../storage/invocation.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { compareNames } from '../../storage/order.ts'
import { mayBeMarker } from '../../storage/tombstone-marker.ts'
import { readDocument } from './errors.ts'
import type { S3Reader } from './read.ts'
import type { S3Client } from './request.ts'
import { parseListDocument } from './xml.ts'

interface Bucket {
  client: S3Client
  reader: S3Reader
  /** How long after its start a listing may still look for tombstones, in milliseconds. */
  checkMs: number
}

/** Begins the cursor of a page that ended early: the key that it ended with follows. XML cannot represent it, so no token begins with it. */
const AFTER = '\0'

/** One page of ListObjectsV2. Entries that may be tombstones are checked, unless the caller does it. */
export async function listS3(bucket: Bucket, options: ListOptions): Promise<ListPage> {
  const { client, checkMs } = bucket
  const until = Date.now() + checkMs
  const { signal, cursor } = options
  const response = await client.send({ method: 'GET', query: listQuery(options), signal })
  const listed = await readDocument(response, client.name, parseListDocument)
  const { entries, directories, truncated, nextToken } = listed
  // Without a new token, continuing would repeat names for ever, and stopping would lose some.
  if (truncated && (nextToken === undefined || nextToken === cursor))
    throw new StorageError('unavailable', 'S3 truncated the listing without a new continuation token', {
      backend: client.name,
    })
  const page = {
    objects: entries.map(({ key, ...entry }) => ({ name: key, backend: client.name, ...entry })),
    directories,
    ...(truncated && nextToken !== undefined && { cursor: nextToken }),
  }
  return options.unchecked ? page : markTombstones(page, bucket.reader, { signal, until })
}

function listQuery({ prefix, delimiter, limit, after, cursor }: ListOptions): Record<string, string> {
  const start = cursor?.startsWith(AFTER) ? cursor.slice(AFTER.length) : after
  const isToken = cursor !== undefined && !cursor.startsWith(AFTER)
  return {
    'list-type': '2',
    // Keys may contain control characters, which XML 1.0 cannot represent.
    'encoding-type': 'url',
    'max-keys': `${limit ?? 1000}`,
    ...(prefix && { prefix }),
    ...(delimiter && { delimiter }),
    ...(isToken ? { 'continuation-token': cursor } : start && { 'start-after': start }),
  }
}

/**
 * A listing has no metadata, but only objects of a certain size can be tombstones, and a HEAD of each tells. The page ends
 * before the first for which there is no time.
 */
async function markTombstones(
  page: ListPage,
  reader: S3Reader,
  { signal, until }: { signal: AbortSignal | undefined; until: number },
): Promise<ListPage> {
  const candidates = page.objects.filter(({ size }) => mayBeMarker(size)).values()
  const markers = new Map<string, ObjectInfo>()
  await withSpareSlots(async () => {
    for (const { name } of candidates) {
      const found = await reader.head(name, { signal }).catch((error: unknown) => {
        // Reads of it fail as well, so it is no tombstone to them.
        if (error instanceof StorageError && error.code === 'denied') return null
        throw error
      })
      if (found?.deleted) markers.set(name, found)
      if (Date.now() >= until) return
    }
  })
  const { objects, ...others } = endBefore(page, candidates.next().value)
  return {
    ...others,
    objects: objects.map((object) => {
      const { deleted, lifted, provenance } = markers.get(object.name) ?? {}
      if (!deleted) return object
      return { ...object, deleted, ...(lifted && { lifted }), ...(provenance && { provenance }) }
    }),
  }
}

/** The page up to the object before `next`, or all of it. */
function endBefore(page: ListPage, next: ObjectInfo | undefined): ListPage {
  const objects = next ? page.objects.slice(0, page.objects.indexOf(next)) : page.objects
  const last = objects.at(-1)?.name
  if (!next || last === undefined) return page
  const directories = page.directories.filter((name) => compareNames(name, last) < 0)
  return { objects, directories, cursor: AFTER + last }
}
