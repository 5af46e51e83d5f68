import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { LocalFile } from './local-files.ts'
import { md5InTag, type StoredObject } from './stored-objects.ts'

interface Comparison {
  path: string
  file: LocalFile
  stored: StoredObject
  direction: 'upload' | 'download'
}

/**
 * Whether a transfer can be skipped: the sizes are equal, and so are the digests, if the ETag is an MD5. Otherwise the
 * times decide: an upload was made after the file was changed, a download got the time of the object.
 */
export async function isEqual({ path, file, stored, direction }: Comparison): Promise<boolean> {
  if (stored.size !== file.size) return false
  const [changed, uploaded] = [seconds(file.modified), seconds(stored.modified)]
  if (direction === 'download' && changed === uploaded) return true
  const md5 = md5InTag(stored)
  if (md5 !== undefined) return md5 === (await md5Of(path))
  return direction === 'upload' && uploaded !== undefined && changed !== undefined && changed <= uploaded
}

/** Last-Modified has no fractions. */
function seconds(time: Date | null): number | undefined {
  return time === null ? undefined : Math.floor(time.getTime() / 1000)
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
