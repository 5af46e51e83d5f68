import type { Backend, PutCondition } from '../storage/backend.ts'
import { accepts } from '../chain/placement.ts'
import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { conditionOn } from '../storage/tombstone-marker.ts'
import { checkName, MAX_NAME_BYTES, nameBytes } from '../storage/name.ts'

/** A name that was free when it was looked up, and the condition that makes a put fail if it no longer is. */
export interface FreeName {
  name: string
  onlyIf: PutCondition
}

const ALPHANUMERICS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const SUFFIX_LENGTH = 7
const MAX_TRIES = 20

/**
 * The first free name in `backend`, by Django's rules: the name itself or, if that is taken, an alternative.
 * `before` are the backends that a read tries first: their objects would hide the saved one. `behind` are those with objects
 * that are too large for `backend`: the saved one would hide them.
 */
export async function freeName(
  backend: Backend,
  name: string,
  before: readonly Backend[] = [],
  behind: readonly Backend[] = [],
): Promise<FreeName> {
  const plain = cleanName(name)
  let candidate = plain
  // Tombstones hide objects, too.
  if (!fits(backend, candidate) || (await mayHave(before, candidate, ({ lifted }) => !lifted))) {
    candidate = alternativeName(backend, name)
  }
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const held = await backend.head(candidate, { lastResort: true })
    // A deleted name is free: the save then replaces exactly this tombstone. A random name is in no other backend.
    const mayHide = candidate === plain && !(held?.deleted && !held.lifted)
    const isTaken = isLive(held) || (mayHide && (await mayHave(behind, candidate, isLive)))
    if (!isTaken) return { name: candidate, onlyIf: conditionOn(held) }
    candidate = alternativeName(backend, name)
  }
  throw new StorageError('unavailable', 'reports every name that was tried as taken', {
    backend: backend.name,
  })
}

/** `a.jpg` as `a_x7Qm2Lp.jpg`, with the root shortened if the name would be too long for the backend. */
export function alternativeName(backend: Backend, name: string): string {
  const { directory, root, extension } = splitName(cleanName(name))
  const suffix = `_${randomAlphanumerics(SUFFIX_LENGTH)}${extension}`
  const characters = Array.from(root)
  while (characters.length > 0) {
    const candidate = directory + characters.join('') + suffix
    if (fits(backend, candidate)) return candidate
    characters.pop()
  }
  throw new StorageError('invalid', 'the name is too long to append a suffix')
}

function fits(backend: Backend, name: string): boolean {
  return nameBytes(name) <= MAX_NAME_BYTES && accepts(backend, name)
}

function isLive(held: ObjectInfo | null): boolean {
  return held !== null && !held.deleted
}

/** A backend that fails may have the name: then a random one is the safe choice. */
async function mayHave(
  backends: readonly Backend[],
  name: string,
  isTaken: (held: ObjectInfo) => boolean,
): Promise<boolean> {
  const searched = backends.filter((backend) => accepts(backend, name))
  const answers = await Promise.allSettled(searched.map((backend) => backend.head(name, { fresh: true })))
  return answers.some(
    (answer) => answer.status === 'rejected' || (answer.value !== null && isTaken(answer.value)),
  )
}

export function cleanName(name: string): string {
  const clean = name.replaceAll('\\', '/')
  checkName(clean)
  if (clean.endsWith('/')) throw new StorageError('invalid', 'the name does not end in a file name')
  return clean
}

/** Like Python's `os.path.split` and `splitext`: leading dots belong to the root. */
function splitName(name: string): { directory: string; root: string; extension: string } {
  const cut = name.lastIndexOf('/') + 1
  const file = name.slice(cut)
  const dots = /^\.*/.exec(file)?.[0].length ?? 0
  const dot = file.lastIndexOf('.')
  const end = dot >= dots && dot > 0 ? dot : file.length
  return { directory: name.slice(0, cut), root: file.slice(0, end), extension: file.slice(end) }
}

function randomAlphanumerics(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length * 2))) {
      // 248 is the largest multiple of 62 in a byte: accepting more would favour the first letters.
      if (byte < 248 && text.length < length) text += ALPHANUMERICS[byte % ALPHANUMERICS.length]
    }
  }
  return text
}

/**
 * The name with a valid last segment, as in Django's `get_valid_filename`: stripped, spaces replaced by underscores, and only
 * word characters of any script, `-` and `.` kept. Throws `invalid` if no valid file name is left.
 */
export function validName(name: string): string {
  const cut = name.lastIndexOf('/') + 1
  const last = name
    .slice(cut)
    .trim()
    .replaceAll(' ', '_')
    // Python's \w: letters, numbers and the underscore; but no combining marks.
    .replace(/[^\p{L}\p{N}_.-]/gu, '')
  if (last === '' || last === '.' || last === '..') {
    throw new StorageError('invalid', 'no valid file name is left')
  }
  return name.slice(0, cut) + last
}
