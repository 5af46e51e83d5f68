import type { ListOptions, ListPage } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { withSpareSlots } from '../../storage/invocation.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { mayBeMarker } from '../../storage/tombstone-marker.ts'
import { readDocument } from './errors.ts'
import type { S3Reader } from './read.ts'
import type { S3Client } from './request.ts'
import { parseListDocument } from './xml.ts'

/** One page of ListObjectsV2. With a reader, entries that may be tombstones are checked, unless the caller does it. */
export async function listS3(
  client: S3Client,
  options: ListOptions,
  reader: S3Reader | undefined,
): Promise<ListPage> {
  const { signal } = options
  const response = await client.send({ method: 'GET', query: listQuery(options), signal })
  const listed = await readDocument(response, client.name, parseListDocument)
  const { entries, directories, truncated, nextToken } = listed
  // Without a new token, continuing would repeat names for ever, and stopping would lose some.
  if (truncated && (nextToken === undefined || nextToken === options.cursor))
    throw new StorageError('unavailable', 'S3 truncated the listing without a new continuation token', {
      backend: client.name,
    })
  const objects = entries.map(({ key, ...entry }) => ({ name: key, backend: client.name, ...entry }))
  return {
    objects: reader && !options.unchecked ? await markTombstones(objects, reader, signal) : objects,
    directories,
    ...(truncated && nextToken !== undefined && { cursor: nextToken }),
  }
}

function listQuery({ prefix, delimiter, limit, after, cursor }: ListOptions): Record<string, string> {
  return {
    'list-type': '2',
    // Keys may contain control characters, which XML 1.0 cannot represent.
    'encoding-type': 'url',
    'max-keys': `${limit ?? 1000}`,
    ...(prefix && { prefix }),
    ...(delimiter && { delimiter }),
    ...(cursor === undefined ? after && { 'start-after': after } : { 'continuation-token': cursor }),
  }
}

/** A listing has no metadata, but only objects of a certain size can be tombstones. */
async function markTombstones(
  objects: ObjectInfo[],
  reader: S3Reader,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo[]> {
  const candidates = objects.filter(({ size }) => mayBeMarker(size)).values()
  const markers = new Map<string, ObjectInfo>()
  await withSpareSlots(async () => {
    for (const { name } of candidates) {
      const found = await reader.head(name, { signal })
      if (found?.deleted) markers.set(name, found)
    }
  })
  return objects.map((object) => {
    const { deleted, lifted } = markers.get(object.name) ?? {}
    return deleted ? { ...object, deleted, ...(lifted && { lifted }) } : object
  })
}
