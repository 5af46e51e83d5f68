import { once } from 'node:events'
import { appendFile, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, type Client } from '../client/client.ts'
import { CommandError, EXIT, usageError } from './errors.ts'
import { transientReason, waitAfter } from './retries.ts'
import { unsafeReason } from './transfer/local-files.ts'

/** Where a download is written, and how much of it has been written. */
export interface Target {
  offset: number
  /** The strong ETag of what has been written; without one the download cannot be resumed. */
  etag: string | null
  /** Whether it can start over after bytes have been written. */
  canRestart: boolean
  /** The object follows from its first byte. */
  restart(etag: string | null): Promise<void>
  write(chunk: Uint8Array): Promise<void>
  /** The object is complete. */
  finish?(): Promise<void>
}

/** The file to write the object to: the given one, or one of its name in the given folder. */
export async function fileFor(
  name: string,
  given = './',
  platform: NodeJS.Platform = process.platform,
): Promise<string> {
  const own = name.slice(name.lastIndexOf('/') + 1)
  const isFolder =
    given.endsWith('/') || given.endsWith(sep) || (await stat(given).catch(() => null))?.isDirectory()
  if (!isFolder) return given
  if (own === '') throw usageError('the name ends in "/": give a file to write it to')
  // On Windows, a name may be a path out of the folder.
  const reason = unsafeReason(own, platform)
  if (reason !== undefined)
    throw usageError(`the name cannot be a file here: ${reason}. Give a file to write it to`)
  return join(given, own)
}

export interface FileTargetOptions {
  /** Whether it continues what an earlier run has written. */
  resume?: boolean
  /** Where it is written until it is complete; its URL and ETag are in a file with `.json` appended. Default: `FILE.part`. */
  part?: string
  /** Puts the complete part in its place. Default: replaces the file. */
  publish?: (part: string, file: string) => Promise<void>
}

/** A file that appears once it is complete. */
export async function fileTarget(
  file: string,
  url: string,
  { resume = true, part = `${file}.part`, publish = rename }: FileTargetOptions,
): Promise<Target> {
  const note = `${part}.json`
  const etag = resume ? await readNote(note, url) : null
  const found = etag === null ? null : await stat(part).catch(() => null)
  const removePart = () => Promise.all([part, note].map((path) => rm(path, { force: true })))
  const target: Target = {
    offset: found?.size ?? 0,
    etag,
    canRestart: true,
    async restart(fresh) {
      target.offset = 0
      target.etag = fresh
      await removePart()
    },
    async write(chunk) {
      if (target.offset === 0 && target.etag !== null)
        await writeFile(note, JSON.stringify({ url, etag: target.etag }))
      await appendFile(part, chunk)
      target.offset += chunk.length
    },
    async finish() {
      // An empty object has no file yet.
      await appendFile(part, '')
      if ((await stat(part)).size !== target.offset) {
        await removePart()
        throw new Error(`another process wrote to ${part} at the same time: run the command again`)
      }
      await publish(part, file)
      await rm(note, { force: true })
    },
  }
  return target
}

async function readNote(path: string, url: string): Promise<string | null> {
  try {
    const note = JSON.parse(await readFile(path, 'utf8')) as { url?: unknown; etag?: unknown }
    return note.url === url && typeof note.etag === 'string' ? note.etag : null
  } catch {
    // Missing, or half-written when an earlier run was interrupted: start over.
    return null
  }
}

/** A stream that cannot be rewound, e.g. standard output. */
export function streamTarget(stream: Writable): Target {
  const target: Target = {
    offset: 0,
    etag: null,
    canRestart: false,
    async restart(etag) {
      if (target.offset > 0)
        throw new CommandError(EXIT.failed, 'the object was replaced during the download')
      target.etag = etag
    },
    async write(chunk) {
      target.offset += chunk.length
      if (!stream.write(chunk)) await once(stream, 'drain')
    },
  }
  return target
}

interface DownloadOptions {
  client: Client
  name: string
  target: Target
  onProgress: (at: number, total: number | undefined) => void
  onLost: (reason: string) => void
  /** Whether the address is known to be right. Otherwise nothing is tried again before the first answer. */
  wasReached?: boolean
}

interface Downloaded {
  size: number
  etag: string | null
  contentType: string | null
  lastModified: string | null
  /** The bytes that an earlier run had already written. */
  resumedFrom: number
}

const SILENCE_MS = 60_000

/** Writes the object to the target; if the connection is lost or a backend fails, resumes at the same offset. */
export async function download(options: DownloadOptions): Promise<Downloaded> {
  const { target, onLost } = options
  let resumedFrom = target.offset
  let { wasReached = false } = options
  const onResponse = ({ status }: Response) => {
    wasReached = true
    if (status === 200) resumedFrom = 0
  }
  for (let attempt = 0; ; attempt += 1) {
    const before = target.offset
    try {
      return { ...(await downloadOnce(options, onResponse)), size: target.offset, resumedFrom }
    } catch (error) {
      const reason = transientReason(error)
      // If the server never answered at all, the address is probably wrong: no retries then.
      if (reason === undefined || !wasReached) throw error
      // After any progress, all attempts are available again.
      if (target.offset > before) attempt = 0
      const wait = waitAfter(attempt, error)
      const isLost = target.offset > 0 && target.etag === null && !target.canRestart
      if (wait === undefined || isLost) throw error
      onLost(reason)
      await sleep(wait)
    }
  }
}

async function downloadOnce(
  { client, name, target, onProgress }: DownloadOptions,
  onResponse: (response: Response) => void,
): Promise<Pick<Downloaded, 'etag' | 'contentType' | 'lastModified'>> {
  const { offset } = target
  const canResume = offset > 0 && target.etag !== null
  const headers = {
    'Accept-Encoding': 'identity',
    ...(canResume && { Range: `bytes=${offset}-`, 'If-Range': target.etag ?? '' }),
  }
  const silence = new AbortController()
  const timer = setTimeout(() => {
    silence.abort(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }))
  }, SILENCE_MS)
  try {
    const response = await client.openStored(name, { headers, signal: silence.signal })
    onResponse(response)
    const { status, headers: answered, body } = response
    const etag = answered.get('ETag')
    const length = answered.get('Content-Length')
    if (status === 206) {
      const range = answered.get('Content-Range') ?? ''
      if (!range.startsWith(`bytes ${offset}-`))
        throw new CommandError(EXIT.failed, `the answer is not the range that was requested: ${range}`)
    } else {
      // If-Range needs a strong validator (RFC 9110 §13.1.5). Without a length the body was decoded on the way,
      // so offsets in it are not those of a Range.
      await target.restart(length !== null && etag?.startsWith('"') ? etag : null)
    }
    const total = length === null ? undefined : target.offset + Number(length)
    for await (const chunk of body ?? []) {
      timer.refresh()
      await target.write(chunk)
      onProgress(target.offset, total)
    }
    return {
      etag,
      contentType: answered.get('Content-Type'),
      lastModified: answered.get('Last-Modified'),
    }
  } catch (error) {
    // The earlier run was interrupted when it had all bytes, and there is nothing after them.
    const isPastEnd = error instanceof ApiError && error.status === 416 && canResume
    if (isPastEnd && (await client.size(name)) === offset)
      return { etag: target.etag, contentType: null, lastModified: null }
    throw error
  } finally {
    clearTimeout(timer)
    // Cancels a body that was not read to its end.
    silence.abort()
  }
}
