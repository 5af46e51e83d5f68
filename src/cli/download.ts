import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { networkReason } from './describe-error.ts'
import { CommandError, EXIT } from './exit.ts'
import type { Sink } from './sink.ts'
import { type BodyRequest, download, refusal } from './transfer.ts'

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
  /** Bytes that an earlier attempt had brought. */
  resumedFrom: number
}

const WAITS_MS = [500, 2_000, 5_000]

/** Writes the object to the sink; when the connection is lost, it resumes where that broke off. */
export async function downloadTo(options: DownloadOptions): Promise<Downloaded> {
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
      const reason = lost(error)
      // Where nothing ever answered, the address is wrong more likely than the connection.
      if (reason === undefined || !wasReached) throw error
      // What moved on deserves all its attempts again.
      if (sink.offset > before) attempt = 0
      const wait = WAITS_MS[attempt]
      if (wait === undefined || !sink.canResume) throw error
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
  const response = await download({ url: request.url, headers })
  onAnswer()
  const { statusCode, headers: answered } = response
  const about = { etag: answered.etag ?? null, contentType: answered['content-type'] ?? null }
  if (statusCode === 416 && answered['content-range'] === `bytes */${offset}`) {
    response.destroy()
    return { ...about, etag: sink.etag, restarted: false }
  }
  if (statusCode !== 200 && statusCode !== 206) throw await refusal(request.url, response)
  const length = answered['content-length']
  // Without a length the bytes were decoded on the way, and ranges would count others.
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

/** Why the connection ended early, or undefined when something else failed. */
function lost(error: unknown): string | undefined {
  if (error instanceof Error && error.message === 'aborted') return 'the connection was closed'
  return networkReason(error)
}
