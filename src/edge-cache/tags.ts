import { sha256 } from '../storage/sha256.ts'

/**
 * Tags are printable ASCII without commas and at most 1,024 bytes long, and names are not: so they are hashed. For R2, names
 * that are canonically equivalent in Unicode are one, so they have the same tags.
 */

/** 80 bits; an object can have hundreds of directories, and 16 KB is what a header may have. */
const TAG_BYTES = 10

export function nameTag(name: string): Promise<string> {
  return hash(`name:${name}`)
}

/** The tag of all names that begin with a directory (ending in `/`), or of all names. */
export function prefixTag(directory: string): Promise<string> {
  return hash(`prefix:${directory}`)
}

/** All tags of an object: its name, each directory above it, and the root. */
export function tagsOf(name: string): Promise<string[]> {
  const directories = Array.from(name.matchAll(/\//g), ({ index }) => name.slice(0, index + 1))
  return Promise.all([nameTag(name), prefixTag(''), ...directories.map(prefixTag)])
}

async function hash(text: string): Promise<string> {
  return (await sha256(text.normalize())).subarray(0, TAG_BYTES).toHex()
}
