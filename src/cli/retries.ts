import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, pages } from '../client/client.ts'
import { retryAfterOf } from '../client/request.ts'
import { networkReason } from './errors.ts'
import { duration } from './output.ts'

/** The waits between the attempts of one request, transfer or page. */
const WAITS_MS = [500, 2_000, 5_000]
/** Longer ones are left to the user: a download takes a minute of silence for a lost connection. */
const MAX_RETRY_AFTER_S = 15

/** Why another attempt may succeed, or undefined if that is not to be expected. */
export function transientReason(error: unknown): string | undefined {
  if (!(error instanceof ApiError)) return networkReason(error)
  const { status, isFromWorker, message } = error
  // Cloudflare answers itself when it is overloaded, or a request has used too much.
  const mayPass = [429, 502, 503, 504].includes(status) || (status >= 500 && !isFromWorker)
  return mayPass ? message : undefined
}

/** How long to wait after the attempt, counted from 0, that failed so; undefined if there is to be no other. */
export function waitAfter(attempt: number, error: unknown, { isStream = false } = {}): number | undefined {
  if (transientReason(error) === undefined) return undefined
  const { status, retryAfter } = error instanceof ApiError ? error : {}
  // Unless its body was a stream, `heedingRetryAfter` has sent it again already.
  if (!isStream && isHeeded(status, retryAfter)) return undefined
  return waitFor(attempt, retryAfter)
}

function waitFor(attempt: number, retryAfter = 0): number | undefined {
  const wait = WAITS_MS[attempt]
  return wait && Math.max(wait, Math.min(retryAfter, MAX_RETRY_AFTER_S) * 1000)
}

/** Every page of a list, like `pages`. The first page is not tried again: the address may be wrong. */
export function manyPages<Page extends { cursor: string | null }>(
  read: (cursor: string | undefined) => Promise<Page>,
): AsyncGenerator<Page> {
  return pages(async (cursor) => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await read(cursor)
      } catch (error) {
        const wait = waitAfter(attempt, error)
        if (cursor === undefined || wait === undefined) throw error
        await sleep(wait)
      }
    }
  })
}

/** Whether `heedingRetryAfter` waits for that. */
function isHeeded(status = 0, retryAfter = Infinity): boolean {
  return [429, 503].includes(status) && retryAfter <= MAX_RETRY_AFTER_S
}

/** A `fetch` that waits as Retry-After says, and sends again what is not a stream. */
export function heedingRetryAfter(send: typeof fetch, onWait: (reason: string) => void): typeof fetch {
  return async (input, init) => {
    for (let attempt = 0; ; attempt += 1) {
      const response = await send(input, init)
      const retryAfter = retryAfterOf(response)
      const wait = isHeeded(response.status, retryAfter) ? waitFor(attempt, retryAfter) : undefined
      if (wait === undefined || init?.body instanceof ReadableStream) return response
      await response.body?.cancel()
      onWait(`HTTP ${response.status}; trying again in ${duration(wait / 1000)}`)
      await sleep(wait, undefined, init?.signal ? { signal: init.signal } : {})
    }
  }
}
