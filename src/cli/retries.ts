import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, pages } from '../client/client.ts'
import { networkReason } from './errors.ts'

/** The waits between the attempts of one transfer or page. */
const WAITS_MS = [500, 2_000, 5_000]
/** Longer ones are left to the user: a download takes a minute of silence for a lost connection. */
const MAX_RETRY_AFTER_S = 15
const MAX_RETRIES = 3

/** Why another attempt may succeed, or undefined if that is not to be expected. */
export function transientReason(error: unknown): string | undefined {
  if (!(error instanceof ApiError)) return networkReason(error)
  const { status, isFromWorker, message } = error
  // Cloudflare answers itself when it is overloaded, or a request has used too much.
  const mayPass = [429, 502, 503, 504].includes(status) || (status >= 500 && !isFromWorker)
  return mayPass ? message : undefined
}

/** How long to wait after the attempt, counted from 0, that failed so; undefined if there is to be no other. */
export function waitAfter(attempt: number, error: unknown): number | undefined {
  const wait = WAITS_MS[attempt]
  if (wait === undefined || transientReason(error) === undefined) return undefined
  const retryAfter = (error instanceof ApiError ? error.retryAfter : undefined) ?? 0
  return Math.max(wait, Math.min(retryAfter, MAX_RETRY_AFTER_S) * 1000)
}

/** Every page of a list, like `pages`: those after the first are tried again, as those before them took their time. */
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

/** A `fetch` that waits as Retry-After says, and sends again what is not a stream. */
export function heedingRetryAfter(send: typeof fetch): typeof fetch {
  return async (input, init) => {
    for (let attempt = 0; ; attempt += 1) {
      const response = await send(input, init)
      const isBusy = response.status === 429 || response.status === 503
      const seconds = isBusy ? Number(response.headers.get('Retry-After') ?? NaN) : NaN
      const mayWait = attempt < MAX_RETRIES && seconds >= 0 && seconds <= MAX_RETRY_AFTER_S
      if (!mayWait || init?.body instanceof ReadableStream) return response
      await response.body?.cancel()
      await sleep(seconds * 1000, undefined, init?.signal ? { signal: init.signal } : {})
    }
  }
}
