import { link, lstat, rename, rm, utimes } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Client } from '../../client/client.ts'
import { download, fileTarget } from '../download.ts'
import { ifMissing } from '../errors.ts'
import { bytes, type Output } from '../output.ts'
import { type LocalFile, partOf, preparePath } from './local-files.ts'

interface DownloadFile {
  client: Client
  name: string
  /** The folder, and the file's name in it. */
  root: string
  relative: string
  /** The file that it replaces. */
  before: LocalFile | undefined
  onBytes: (size: number) => void
  output: Output
}

/** Downloads an object into a folder, and returns its size. The file gets the object's time. */
export async function downloadFile(wanted: DownloadFile): Promise<number> {
  const { client, name, root, relative, before, onBytes, output } = wanted
  const path = await preparePath(root, relative)
  // Not only at the end, after a long download.
  await checkUnchanged(path, before)
  const target = await fileTarget(path, client.mediaUrl(name), {
    part: partOf(dirname(path), relative),
    publish: (part) => publish(part, path, before),
  })
  let at = target.offset
  const { size, lastModified } = await download({
    client,
    name,
    target,
    wasReached: true,
    onProgress(now) {
      onBytes(Math.max(0, now - at))
      at = now
    },
    onLost: (reason) => output.note(`${name}: ${reason}; resuming at ${bytes(target.offset)}`),
  })
  await target.finish?.()
  const modified = lastModified === null ? NaN : Date.parse(lastModified)
  if (!Number.isNaN(modified)) await utimes(path, new Date(), new Date(modified))
  return size
}

/** Replaces exactly the file that was listed, or none. */
async function publish(part: string, path: string, before: LocalFile | undefined): Promise<void> {
  await checkUnchanged(path, before)
  if (before) return rename(part, path)
  try {
    // Unlike a rename, this fails if there is a file, even one whose name differs only in case.
    await link(part, path)
    await rm(part)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw unlisted(path)
    // Some file systems have no links, FAT for example.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw error
    await rename(part, path)
  }
}

async function checkUnchanged(path: string, before: LocalFile | undefined): Promise<void> {
  const now = await lstat(path).catch(ifMissing)
  if (!before) {
    if (now) throw unlisted(path)
  } else if (!now || now.size !== before.size || now.mtime.getTime() !== before.modified.getTime()) {
    throw new Error(`${path} was changed in the meantime, and is not overwritten`)
  }
}

function unlisted(path: string): Error {
  return new Error(
    `${path} exists already, and is not overwritten: it was just created, is a link or a folder, or is a file whose name this file system does not distinguish`,
  )
}
