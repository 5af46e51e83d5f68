import { createHash } from 'node:crypto'
import { lstat, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { compareNames } from './join.ts'

/** A file of a folder. */
export interface LocalFile {
  /** Relative to the folder, with `/` between its parts. */
  name: string
  size: number
  modified: Date
}

const PART = /^\.[\da-f]{16}\.fallback-storage-part(?:\.json)?$/

/** Where a file is downloaded before it is complete. Different names never share one, whatever the file system's rules. */
export function partOf(folder: string, name: string): string {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16)
  return join(folder, `.${hash}.fallback-storage-part`)
}

interface WalkEvents {
  /** Neither a file nor a folder, so it is left out. */
  onSkip: (name: string, reason: string) => void
  /** Its files are missing from what is listed. */
  onUnreadable: (name: string, error: unknown) => void
}

/** All files below a folder, in UTF-8 byte order. Symbolic links are not followed. */
export async function* walk(root: string, events: WalkEvents, below = ''): AsyncGenerator<LocalFile> {
  let entries
  try {
    entries = await readdir(join(root, below), { withFileTypes: true })
  } catch (error) {
    events.onUnreadable(below, error)
    return
  }
  const names = entries
    .filter(({ name }) => !PART.test(name))
    .map((entry) => ({ entry, name: below + entry.name + (entry.isDirectory() ? '/' : '') }))
    .sort((a, b) => compareNames(a.name, b.name))
  for (const { entry, name } of names) {
    if (entry.isDirectory()) yield* walk(root, events, name)
    else if (entry.isFile()) yield* fileAt(root, name, events)
    else events.onSkip(name, entry.isSymbolicLink() ? 'a symbolic link' : 'not a file')
  }
}

async function* fileAt(root: string, name: string, events: WalkEvents): AsyncGenerator<LocalFile> {
  try {
    const { size, mtime } = await lstat(join(root, name))
    yield { name, size, modified: mtime }
  } catch (error) {
    events.onUnreadable(name, error)
  }
}

/** Why a name cannot be a file below a folder on this platform; undefined if it can. */
export function unsafeReason(name: string, platform: NodeJS.Platform = process.platform): string | undefined {
  const parts = name.split('/')
  if (parts.includes('')) return 'it has an empty part'
  if (parts.some((part) => part === '.' || part === '..')) return 'it has a "." or ".." part'
  if (name.includes('\0')) return 'it contains a NUL character'
  if (parts.some((part) => Buffer.byteLength(part) > MAX_PART))
    return `a part is longer than ${MAX_PART} bytes`
  if (PART.test(parts.at(-1) ?? '')) return 'it looks like an unfinished download'
  if (platform !== 'win32') return undefined
  if (/[<>:"|?*\\\p{Cc}]/u.test(name)) return 'it contains a character that Windows does not allow'
  if (parts.some((part) => /[. ]$/.test(part))) return 'a part ends in "." or a space'
  if (parts.some((part) => DEVICE.test(part))) return 'it names a device of Windows'
  return undefined
}

const MAX_PART = 255
const DEVICE = /^(?:con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$)(?:\.|$)/i

/** The path of a name below the folder. Creates its folders, and refuses to leave the folder through a symbolic link. */
export async function preparePath(root: string, name: string): Promise<string> {
  const reason = unsafeReason(name)
  if (reason !== undefined) throw new Error(`the name cannot be a file here: ${reason}`)
  await mkdir(root, { recursive: true })
  let folder = root
  for (const part of name.split('/').slice(0, -1)) {
    folder = join(folder, part)
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    if (!(await lstat(folder)).isDirectory())
      throw new Error(`${folder} is not a folder, so nothing can be written below it`)
  }
  return join(root, name)
}
