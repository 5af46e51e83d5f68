import { once } from 'node:events'
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ApiError, toApiError } from '../client/client.ts'
import { CommandError, EXIT, networkReason } from './errors.ts'

/*
 * Bodies use node:http instead of fetch: fetch does not report upload progress, and it decodes downloads, so that
 * byte offsets no longer match those of a Range.
 */

const SILENCE_MS = 60_000
/** An upload is answered only when all of it is stored. */
const STORING_MS = 300_000

export interface BodyRequest {
  url: string
  headers: Record<string, string>
}

/** The response to a GET; the caller reads its body or destroys it. */
async function openDownload({ url, headers }: BodyRequest): Promise<IncomingMessage> {
  const request = requestOf(url)(url, { headers })
  request.setTimeout(SILENCE_MS, () => request.destroy(silence()))
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

/** Sends the body; resolves with the response and its text. */
export async function upload(
  method: 'PUT' | 'POST',
  { url, headers }: BodyRequest,
  body: Readable,
): Promise<{ response: IncomingMessage; answer: string }> {
  const request = requestOf(url)(url, { method, headers })
  request.setTimeout(STORING_MS, () => request.destroy(silence()))
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    // An error response may arrive before the whole body is sent; the rest is not read then.
    request.once('response', resolve)
    pipeline(body, request).catch(reject)
  })
  const answer = await text(response)
  if (!body.readableEnded) {
    request.destroy()
    body.destroy()
  }
  return { response, answer }
}

/** The error for a response that is not a success. */
export async function refusal(url: string, response: IncomingMessage, answer?: string): Promise<ApiError> {
  const { statusCode: status = 0, headers } = response
  const contentType = headers['content-type'] ?? null
  return toApiError({ status, contentType, text: answer ?? (await text(response)), url })
}

function requestOf(url: string): typeof httpRequest {
  return url.startsWith('https:') ? httpsRequest : httpRequest
}

function silence(): Error {
  return Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })
}

/** Where a download is written, and how much of it has been written. */
export interface Sink {
  offset: number
  /** The ETag of what has been written; without one the download cannot be resumed. */
  etag: string | null
  canResume(): boolean
  /** Starts over: the object follows from its first byte. */
  begin(etag: string | null): Promise<void>
  write(chunk: Uint8Array): Promise<void>
  /** The object is complete. */
  finish(): Promise<void>
  /** The download failed; what has been written is kept, to be resumed later. */
  close(): Promise<void>
}

/** A file that appears once it is complete. Until then it is `FILE.part`, with its URL and ETag in `FILE.part.json`. */
export async function fileSink(
  file: string,
  { url, resume }: { url: string; resume: boolean },
): Promise<Sink> {
  const part = `${file}.part`
  const note = `${part}.json`
  const known = resume ? await readNote(note, url) : null
  const found = known === null ? undefined : await stat(part).catch(() => undefined)
  const offset = found?.size ?? 0
  const handle = await open(part, offset > 0 ? 'r+' : 'w')
  const sink: Sink = {
    offset,
    etag: known,
    canResume: () => true,
    async begin(etag) {
      await handle.truncate(0)
      sink.offset = 0
      sink.etag = strong(etag)
      if (sink.etag === null) await rm(note, { force: true })
      else await writeFile(note, JSON.stringify({ url, etag: sink.etag }))
    },
    async write(chunk) {
      let written = 0
      while (written < chunk.length) {
        const at = sink.offset + written
        written += (await handle.write(chunk, written, chunk.length - written, at)).bytesWritten
      }
      sink.offset += chunk.length
    },
    async finish() {
      await handle.close()
      await rename(part, file)
      await rm(note, { force: true })
    },
    async close() {
      await handle.close()
      if (sink.offset === 0) await Promise.all([part, note].map((path) => rm(path, { force: true })))
    },
  }
  return sink
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

/** If-Range takes strong validators only (RFC 9110 §13.1.5). */
function strong(etag: string | null): string | null {
  return etag?.startsWith('"') ? etag : null
}

/** A stream that cannot be rewound, e.g. standard output. */
export function streamSink(stream: NodeJS.WritableStream): Sink {
  const sink: Sink = {
    offset: 0,
    etag: null,
    canResume: () => sink.offset === 0 || sink.etag !== null,
    async begin(etag) {
      if (sink.offset > 0) throw new CommandError(EXIT.failed, 'the object was replaced during the download')
      sink.etag = strong(etag)
    },
    async write(chunk) {
      sink.offset += chunk.length
      if (!stream.write(chunk)) await once(stream, 'drain')
    },
    finish: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
  return sink
}

export interface DownloadOptions {
  request: BodyRequest
  sink: Sink
  onProgress: (at: number, total: number | undefined) => void
  onLost: (reason: string) => void
}

export interface Downloaded {
  size: number
  etag: string | null
  contentType: string | null
  /** The bytes that an earlier run had already written. */
  resumedFrom: number
}

const WAITS_MS = [500, 2_000, 5_000]

/** Writes the object to the sink; if the connection is lost, resumes at the same offset. */
export async function download(options: DownloadOptions): Promise<Downloaded> {
  const { sink } = options
  let resumedFrom = sink.offset
  let wasReached = false
  for (let attempt = 0; ; attempt += 1) {
    const before = sink.offset
    try {
      const { etag, contentType, restarted } = await downloadOnce(options, () => (wasReached = true))
      if (restarted) resumedFrom = 0
      return { size: sink.offset, etag, contentType, resumedFrom }
    } catch (error) {
      const reason = lostConnection(error)
      // If the server never answered at all, the address is probably wrong: no retries then.
      if (reason === undefined || !wasReached) throw error
      // After any progress, all attempts are available again.
      if (sink.offset > before) attempt = 0
      const wait = WAITS_MS[attempt]
      if (wait === undefined || !sink.canResume()) throw error
      options.onLost(reason)
      await sleep(wait)
    }
  }
}

type Once = Pick<Downloaded, 'etag' | 'contentType'> & { restarted: boolean }

async function downloadOnce(
  { request, sink, onProgress }: DownloadOptions,
  onAnswer: () => void,
): Promise<Once> {
  const { offset } = sink
  const headers = {
    ...request.headers,
    ...(offset > 0 && sink.etag !== null && { Range: `bytes=${offset}-`, 'If-Range': sink.etag }),
  }
  const response = await openDownload({ url: request.url, headers })
  onAnswer()
  const { statusCode, headers: answered } = response
  const about = { etag: answered.etag ?? null, contentType: answered['content-type'] ?? null }
  if (statusCode === 416 && answered['content-range'] === `bytes */${offset}`) {
    response.destroy()
    return { ...about, etag: sink.etag, restarted: false }
  }
  if (statusCode !== 200 && statusCode !== 206) throw await refusal(request.url, response)
  const length = answered['content-length']
  // Without a length the body was decoded on the way, so offsets in it are not those of a Range.
  if (statusCode === 206) checkRange(response, offset)
  else await sink.begin(length === undefined ? null : about.etag)
  const total = length === undefined ? undefined : sink.offset + Number(length)
  for await (const chunk of response) {
    await sink.write(chunk as Uint8Array)
    onProgress(sink.offset, total)
  }
  return { ...about, restarted: statusCode === 200 }
}

function checkRange(response: IncomingMessage, offset: number): void {
  const range = response.headers['content-range'] ?? ''
  if (range.startsWith(`bytes ${offset}-`)) return
  response.destroy()
  throw new CommandError(EXIT.failed, `the answer is not the range that was requested: ${range}`)
}

/** Why the connection was lost, or undefined for any other error. */
function lostConnection(error: unknown): string | undefined {
  if (error instanceof Error && error.message === 'aborted') return 'the connection was closed'
  return networkReason(error)
}
