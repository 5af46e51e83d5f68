import { once } from 'node:events'
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { CommandError, EXIT } from './exit.ts'

/** Where a download goes, and how much of it is there. */
export interface Sink {
  readonly offset: number
  /** Of what is there so far; without one nothing can be resumed. */
  readonly etag: string | null
  readonly canResume: boolean
  /** A whole object follows, from its first byte. */
  begin(etag: string | null): Promise<void>
  write(chunk: Uint8Array): Promise<void>
  /** All is there. */
  finish(): Promise<void>
  /** Nothing more comes; what is there stays for the next time. */
  close(): Promise<void>
}

/**
 * A file that appears when it is whole. Until then it grows as `FILE.part`, beside the ETag and URL of what it is
 * part of in `FILE.part.json`.
 */
export async function fileSink(
  file: string,
  { url, resume }: { url: string; resume: boolean },
): Promise<Sink> {
  const part = `${file}.part`
  const note = `${part}.json`
  const known = resume ? await readNote(note, url) : null
  const size =
    known === null
      ? 0
      : await stat(part).then(
          (found) => found.size,
          () => 0,
        )
  const handle = await open(part, size > 0 ? 'r+' : 'w')
  let offset = size
  let etag = known
  return {
    get offset() {
      return offset
    },
    get etag() {
      return etag
    },
    canResume: true,
    async begin(told) {
      await handle.truncate(0)
      offset = 0
      // RFC 9110 §13.1.5: If-Range takes strong validators only.
      etag = told !== null && told.startsWith('"') ? told : null
      if (etag === null) await rm(note, { force: true })
      else await writeFile(note, JSON.stringify({ url, etag }))
    },
    async write(chunk) {
      let written = 0
      while (written < chunk.length) {
        const { bytesWritten } = await handle.write(chunk, written, chunk.length - written, offset + written)
        written += bytesWritten
      }
      offset += chunk.length
    },
    async finish() {
      await handle.close()
      await rename(part, file)
      await rm(note, { force: true })
    },
    async close() {
      await handle.close()
      if (offset === 0) await Promise.all([part, note].map((path) => rm(path, { force: true })))
    },
  }
}

async function readNote(path: string, url: string): Promise<string | null> {
  try {
    const note = JSON.parse(await readFile(path, 'utf8')) as { url?: unknown; etag?: unknown }
    return note.url === url && typeof note.etag === 'string' ? note.etag : null
  } catch {
    // None, or one that an interrupt left half written: then the download begins anew.
    return null
  }
}

/** A stream that cannot be taken back, e.g. standard output. */
export function streamSink(stream: NodeJS.WritableStream): Sink {
  let offset = 0
  let etag: string | null = null
  return {
    get offset() {
      return offset
    },
    get etag() {
      return etag
    },
    get canResume() {
      return offset === 0 || etag !== null
    },
    async begin(told) {
      if (offset > 0) throw new CommandError(EXIT.failed, 'the object was replaced while it was being read')
      etag = told !== null && told.startsWith('"') ? told : null
    },
    async write(chunk) {
      offset += chunk.length
      if (!stream.write(chunk)) await once(stream, 'drain')
    },
    finish: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}
