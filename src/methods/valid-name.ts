import { StorageError } from '../storage/errors.ts'

/**
 * The name with its last segment made safe, as Django's `get_valid_filename`: stripped, spaces to underscores,
 * and only word characters of any script, `-` and `.` kept. Throws `invalid` when nothing usable is left.
 */
export function validName(name: string): string {
  const cut = name.lastIndexOf('/') + 1
  const last = name
    .slice(cut)
    .trim()
    .replaceAll(' ', '_')
    // Python's \w: letters, numbers and the underscore; combining marks are not among them.
    .replace(/[^\p{L}\p{N}_.-]/gu, '')
  if (last === '' || last === '.' || last === '..') {
    throw new StorageError('invalid', 'no usable file name is left of it', { name })
  }
  return name.slice(0, cut) + last
}
