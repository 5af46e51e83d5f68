import type { ListOptions, ListPage } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { withSpareSlots } from '../invocation.ts'
import { mayBeMarker } from '../../storage/tombstone-marker.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { readDocument, readFailure, toS3Error } from './errors.ts'
import { probeFolder } from './probe.ts'
import type { S3Reader } from './read.ts'
import type { S3Client } from './request.ts'
import { parseListDocument } from './xml.ts'

interface Listing {
  /** What begins the keys of the backend's own objects. */
  ownPrefix: string
  /** Where given, it checks the entries that may be tombstones. */
  reader: Pick<S3Reader, 'head'> | undefined
}

/** One page of ListObjectsV2, without the backend's own objects. */
export async function listS3(
  client: S3Client,
  options: ListOptions,
  { ownPrefix, reader }: Listing,
): Promise<ListPage> {
  const { signal } = options
  const response = await client.send({
    method: 'GET',
    query: listQuery(options),
    ...(signal && { signal }),
  })
  if (!response.ok) throw toS3Error(await readFailure(response, client.name), client.name)
  const { entries, directories, truncated, nextToken } = await readDocument(
    response,
    client.name,
    parseListDocument,
  )
  // Going on without a fresh token would repeat names for ever; stopping would lose some.
  if (truncated && (nextToken === undefined || nextToken === options.cursor))
    throw new StorageError('unavailable', 'S3 truncated the listing without a new continuation token', {
      backend: client.name,
    })
  const objects = entries
    .filter(({ key }) => !key.startsWith(probeFolder(ownPrefix)))
    .map(({ key, ...entry }) => ({ name: key, backend: client.name, ...entry }))
  return {
    objects: reader ? await markTombstones(objects, reader, signal) : objects,
    // Nothing below it can be listed or requested.
    directories: directories.filter((directory) => !directory.startsWith(ownPrefix)),
    ...(truncated && nextToken !== undefined && { cursor: nextToken }),
  }
}

function listQuery({ prefix, delimiter, limit, after, cursor }: ListOptions): Record<string, string> {
  return {
    'list-type': '2',
    // XML 1.0 has no way to write control characters, and keys may hold them.
    'encoding-type': 'url',
    'max-keys': `${limit ?? 1000}`,
    ...(prefix && { prefix }),
    ...(delimiter && { delimiter }),
    ...(cursor === undefined ? after && { 'start-after': after } : { 'continuation-token': cursor }),
  }
}

/** A listing holds no metadata, but only an object of a certain size can be a tombstone. */
async function markTombstones(
  objects: ObjectInfo[],
  reader: Pick<S3Reader, 'head'>,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo[]> {
  const candidates = objects.filter(({ size }) => mayBeMarker(size)).values()
  const markers = new Map<string, ObjectInfo>()
  await withSpareSlots(async () => {
    for (const { name } of candidates) {
      const found = await reader.head(name, signal && { signal })
      if (found?.deleted) markers.set(name, found)
    }
  })
  return objects.map((object) => {
    const { deleted, lifted } = markers.get(object.name) ?? {}
    return deleted ? { ...object, deleted, ...(lifted && { lifted }) } : object
  })
}
