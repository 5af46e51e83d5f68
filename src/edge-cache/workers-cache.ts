import { cancelBody } from '../bodies/cancel.ts'
import { type ErrorOptions, StorageError } from '../storage/errors.ts'
import { forwardedHeader } from '../storage/invocation.ts'
import type { Attempt, Trace } from '../storage/trace.ts'
import { cacheableSeconds, type CachePolicy } from './cacheable.ts'
import { type EdgeCache, type Load, nameOf, pathOf, type PurgeTarget } from './edge-cache.ts'
import { entryFrom, entryHeaders, fitsEntry, headerJson, secondsUntil } from './entry.ts'
import { prefixTag, nameTag, tagsOf } from './tags.ts'

/** The entrypoint that Workers Cache is in front of: what it answers to `fetch` is cached, and only it can purge that. */
export interface MediaEntrypoint {
  fetch(request: Request): Promise<Response>
  purge(tags: string[]): Promise<CachePurgeResult>
}

/** Tells an answer to this very request from one that was cached. */
const NONCE_HEADER = 'Fallback-Storage-Request'
/** How the chain was searched, in JSON. */
const SEARCH_HEADER = 'Fallback-Storage-Search'

/** That one purge takes. */
const MAX_TAGS = 100

interface SearchReport {
  nonce: string
  trace: Trace
  stored: boolean
  failure?: FailureReport
}

/** Workers Cache, once it is known whether it is turned on for the entrypoint. */
export interface WorkersCache extends EdgeCache {
  isOn(): Promise<boolean>
}

/**
 * Workers Cache: in front of an entrypoint, shared by all locations, and purged everywhere. Calls `learn` when an answer shows
 * whether it is turned on for the entrypoint.
 */
export function workersCache(media: MediaEntrypoint, learn: (isOn: boolean) => void): WorkersCache {
  /** Of an answer that it would keep. */
  const note = ({ headers }: Response): boolean => {
    const isOn = headers.has('Cf-Cache-Status')
    learn(isOn)
    return isOn
  }
  return {
    async isOn() {
      const response = await media.fetch(new Request('https://media/', { headers: forwardedHeader() }))
      await cancelBody(response.body)
      return note(response)
    },
    async read(name, trace) {
      const nonce = crypto.randomUUID()
      const headers = { [NONCE_HEADER]: nonce, ...forwardedHeader() }
      const response = await media.fetch(new Request(`https://media${pathOf(name)}`, { headers }))
      const report = JSON.parse(response.headers.get(SEARCH_HEADER) ?? '{}') as Partial<SearchReport>
      const entry = entryFrom(response)
      if (entry && report.nonce !== nonce)
        return { object: entry.object, stored: false, ttl: Math.max(0, secondsUntil(entry.expires)) }
      if (isCacheable(response.headers)) note(response)
      trace.push(...(report.trace ?? []))
      if (report.failure) throw failureFrom(report.failure)
      return { object: entry?.object ?? null, stored: report.stored ?? false }
    },
    async purge(target) {
      const tags = await tagsToPurge(target)
      for (let done = 0; done < tags.length; done += MAX_TAGS) {
        const { success, errors } = await media.purge(tags.slice(done, done + MAX_TAGS))
        const reasons = errors.map(({ code, message }) => `${message} (${code})`)
        if (!success)
          throw new StorageError('unavailable', `Workers Cache did not purge: ${reasons.join('; ')}`)
      }
      return 'everywhere'
    },
  }
}

function isCacheable(headers: Headers): boolean {
  return headers.get('Cache-Control')?.includes('s-maxage') ?? false
}

/** A prefix within a directory purges the whole directory: only directories have tags. */
async function tagsToPurge(target: PurgeTarget): Promise<string[]> {
  if ('prefix' in target) return [await prefixTag(directoryOf(target.prefix))]
  return Promise.all(target.names.map(nameTag))
}

function directoryOf(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf('/') + 1)
}

/**
 * What the entrypoint answers: the object and how it was found, for `read`, or nothing, for `isOn`. Whatever must not be cached says so, since an
 * answer without Cache-Control would be cached for hours.
 */
export async function answerFromChain(
  request: Request,
  { load, policy }: { load: Load; policy: CachePolicy },
): Promise<Response> {
  const name = nameOf(request.url)
  if (name === '') return new Response(null, { headers: { 'Cache-Control': 'public, s-maxage=60' } })
  const trace: Trace = []
  const now = Date.now()
  const nonce = request.headers.get(NONCE_HEADER) ?? ''
  const answer = (report: Partial<SearchReport>, init: ResponseInit, body: BodyInit | null): Response => {
    const response = new Response(body, init)
    response.headers.set(
      SEARCH_HEADER,
      headerJson({ nonce, trace: trace.map(shown), stored: false, ...report }),
    )
    return response
  }
  const unsaved = { 'Cache-Control': 'no-store' }
  try {
    const { object, stored } = await load(name, trace)
    if (!object) return answer({}, { status: 404, headers: unsaved }, null)
    const seconds = cacheableSeconds(object, trace, policy)
    const headers = entryHeaders(object, now + seconds * 1000)
    const caching =
      seconds > 0 && fitsEntry(headers)
        ? {
            // Without must-revalidate, it could answer long after that when this Worker fails.
            'Cache-Control': `public, s-maxage=${seconds}, must-revalidate`,
            'Cloudflare-CDN-Cache-Control': `public, s-maxage=${seconds}, must-revalidate`,
            'Cache-Tag': (await tagsOf(name)).join(','),
          }
        : unsaved
    return answer({ stored }, { headers: { ...headers, ...caching } }, object.body)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return answer({ failure: reportOf(error) }, { status: 502, headers: unsaved }, null)
  }
}

/** An attempt without its failure, which is not JSON; `detail` says what it was. */
function shown(attempt: Attempt): Attempt {
  const { failure: _, ...reported } = attempt
  return reported
}

/** A StorageError as JSON; its cause stays behind, as it may not be shown. */
type FailureReport = Pick<StorageError, 'code' | 'message' | 'backend' | 'status' | 'retryAfter' | 'size'> & {
  failures: FailureReport[]
}

function reportOf(error: StorageError): FailureReport {
  const { code, message, backend, status, retryAfter, size } = error
  return { code, message, backend, status, retryAfter, size, failures: error.failures.map(reportOf) }
}

function failureFrom({ code, message, failures, ...options }: FailureReport): StorageError {
  // In JSON, what is undefined is missing.
  return new StorageError(code, message, {
    ...(options as ErrorOptions),
    failures: failures.map(failureFrom),
  })
}
