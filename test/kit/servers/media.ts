import { cp, link, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '../eventually.ts'

const BUNDLED = fileURLToPath(new URL('../../../demo/media', import.meta.url))

/** The bundled media in a separate folder, to which tests add files. */
export interface MediaFolder {
  path: string
  /** The file's path on disk. */
  file(name: string): string
  add(name: string, bytes: Uint8Array): Promise<void>
  /** The same bytes under another name, which has not been requested yet. */
  alias(name: string, of: string): Promise<string>
  remove(): Promise<void>
}

export async function mediaFolder(): Promise<MediaFolder> {
  const path = await mkdtemp(join(tmpdir(), 'media-'))
  await cp(BUNDLED, path, { recursive: true })
  const file = (name: string) => join(path, name)
  return {
    path,
    file,
    add: (name, bytes) => writeFile(file(name), bytes),
    alias: async (name, of) => {
      await link(file(of), file(name))
      return name
    },
    remove: () => rm(path, { recursive: true, force: true }),
  }
}

/** The video with its index at the end, and so much padding before it that no player reads all of it to get there. */
export async function longFilm(): Promise<Uint8Array> {
  const film = await readFile(join(BUNDLED, 'video/testcard (moov at end).mp4'))
  const index = boxAt(film, 'moov')
  const padding = Buffer.alloc(24 * 1024 * 1024)
  padding.writeUInt32BE(padding.length, 0)
  padding.write('free', 4, 'latin1')
  return Buffer.concat([film.subarray(0, index), padding, film.subarray(index)])
}

function boxAt(mp4: Buffer, type: string): number {
  for (let at = 0; at < mp4.length; at += mp4.readUInt32BE(at)) {
    if (mp4.toString('latin1', at + 4, at + 8) === type) return at
  }
  throw new Error(`no ${type} box`)
}

/** Waits until the primary has it. It sends HEAD requests, which migrate nothing. */
export async function untilMigrated(url: string): Promise<void> {
  const inPrimary = async () => {
    const { headers } = await fetch(url, { method: 'HEAD' })
    return /; hit\b/.test(headers.get('cache-status') ?? '') || null
  }
  await eventually(() => `${url} in the primary`, inPrimary, { interval: 100 })
}

/** `photos/photo (1).jpg` as a URL below `base`. */
export function mediaUrl(base: string, name: string): string {
  return base + name.split('/').map(encodeURIComponent).join('/')
}
