import * as v from 'valibot'
import { createChunkReader } from '../../bodies/chunks.ts'
import { cancelBody, refuseBody } from '../../bodies/cancel.ts'
import type { Backend } from '../../storage/backend.ts'
import { failureOfBody, StorageError } from '../../storage/errors.ts'
import type { StoredObject } from '../../storage/object.ts'
import { parseJson } from '../../storage/parse-json.ts'
import type { ManifestPosition } from './job-types.ts'
import { csvRows, formatOf, type ManifestLines, type RowFormat, rowsOf } from './manifest.ts'
import { readRows, type ReadRowsOptions } from './rows.ts'

/** Some names of a manifest, and where to continue. */
export interface ManifestSlice extends ManifestLines {
  position: ManifestPosition
}

/** A manifest that is an object. */
export interface ManifestSource {
  backend: Pick<Backend, 'get'>
  name: string
  /** What begins the names that the files of an inventory may have. */
  within?: string
  /** What the keys of a bucket begin with, before the name. */
  keyPrefix(bucket: string): string
}

/** Trying again would fail the same way. */
const FINAL = new Set(['absent', 'precondition', 'invalid', 'unsupported'])

export function isFinal({ code }: StorageError): boolean {
  return FINAL.has(code)
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html */
const inventory = v.object({
  sourceBucket: v.string(),
  destinationBucket: v.string(),
  fileFormat: v.string(),
  fileSchema: v.string(),
  files: v.array(v.object({ key: v.string(), MD5checksum: v.exactOptional(v.string()) })),
})
const MAX_INVENTORY_BYTES = 8 * 1024 * 1024

/** Reads the names from a position on. Throws if nothing more can be read; names that were returned before are good. */
export async function* readManifest(
  source: ManifestSource,
  start: ManifestPosition = { row: 0 },
): AsyncGenerator<ManifestSlice> {
  const object = await open(source, source.name)
  const { etag } = object
  if (start.etag !== undefined && etag !== start.etag)
    await refuseBody(object.body, new StorageError('precondition', 'it has changed since the job began'))
  const slices = /(?:^|\/)manifest\.json$/.test(source.name)
    ? readInventory(source, object, start)
    : readFile(object, rowsOf(formatOf(object.contentType, source.name)), { skip: start.row })
  for await (const { position, ...lines } of slices)
    yield { ...lines, position: { ...position, ...(etag !== undefined && { etag }) } }
}

async function* readInventory(
  source: ManifestSource,
  object: StoredObject,
  { file: first = 0, row }: ManifestPosition,
): AsyncGenerator<ManifestSlice> {
  const { sourceBucket, destinationBucket, fileSchema, files } = await parseInventory(object)
  const { within = '' } = source
  const keys = source.keyPrefix(sourceBucket)
  const destination = source.keyPrefix(destinationBucket.replace(/^arn:aws[\w-]*:s3:::/, ''))
  for (const [file, { key, MD5checksum: md5 }] of files.entries()) {
    if (file < first) continue
    const options = {
      skip: file === first ? row : 0,
      where: `${key}, `,
      ...(md5 !== undefined && { digests: { md5 } }),
    }
    try {
      const name = nameOf(key, destination)
      if (name === null) throw new StorageError('absent', `its key does not begin with "${destination}"`)
      if (!name.startsWith(within))
        throw new StorageError('invalid', `its name does not begin with "${within}"`)
      const rows = csvRows(fileSchema.split(','), (row) => nameOf(decodeKey(row), keys))
      for await (const { position, ...lines } of readFile(await open(source, name), rows, options))
        yield { ...lines, position: { ...position, file } }
    } catch (error) {
      // The names in the other files are needed all the same.
      if (!(error instanceof StorageError) || !isFinal(error)) throw error
      const failures = [{ name: key, detail: `the inventory's file: ${error.message}` }]
      yield { names: [], failures, position: { file: file + 1, row: 0 } }
    }
  }
}

async function* readFile(
  { body, backend }: StoredObject,
  format: RowFormat,
  options: ReadRowsOptions,
): AsyncGenerator<ManifestSlice> {
  const toError = (error: unknown): StorageError => failureOfBody(error, backend)
  for await (const { row, ...lines } of readRows(body, format, { ...options, toError }))
    yield { ...lines, position: { row } }
}

async function open({ backend }: ManifestSource, name: string): Promise<StoredObject> {
  const object = await backend.get(name)
  if (object && !object.deleted && !object.lifted) return object
  await cancelBody(object?.body)
  throw new StorageError('absent', 'there is no such object')
}

async function parseInventory({ body }: StoredObject): Promise<v.InferOutput<typeof inventory>> {
  const reader = createChunkReader(body)
  const bytes = await reader.whole(MAX_INVENTORY_BYTES)
  if (!bytes) {
    await reader.cancel('too large')
    throw new StorageError('invalid', `it has more than ${MAX_INVENTORY_BYTES} bytes`)
  }
  const result = v.safeParse(inventory, parseJson(new TextDecoder().decode(bytes)))
  if (!result.success) throw new StorageError('invalid', 'it is not the manifest.json of an S3 Inventory')
  const { fileFormat } = result.output
  if (fileFormat !== 'CSV')
    throw new StorageError(
      'unsupported',
      `the files of the inventory are ${fileFormat}: choose CSV as its format, or send the keys as a CSV file with a header`,
    )
  return result.output
}

/** As in a form: a space is a plus. */
function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch (cause) {
    throw new StorageError('invalid', 'the key is not URL-encoded UTF-8', { cause })
  }
}

/** `null` if a backend with that prefix does not have the key. */
function nameOf(key: string, prefix: string): string | null {
  return key.startsWith(prefix) ? key.slice(prefix.length) : null
}
