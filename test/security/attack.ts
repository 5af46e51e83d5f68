import { beforeAll, expect, it } from 'vitest'
import { exchange, type RawRequest, rawRequest, type RawResponse } from '../kit/servers/raw-http.ts'
import { type Site, type SiteOptions, startSite, TOKEN } from '../kit/worker/site.ts'

export const R2 = { type: 'r2', binding: 'MEDIA' }
/** The header of the configured token. */
export const AUTHORIZED = ['Authorization', `Bearer ${TOKEN}`] as const

/** Bytes that a hostile client sends, and what it gets. */
export interface Attack {
  name: string
  /** A request, or the very bytes. */
  sends: RawRequest | string
  status: number
  /** Where the server must close the connection after its answer, because what follows cannot be told apart. */
  closes?: true
  /** What the answer may show though others may not. */
  shows?: readonly string[]
  /** Further expectations of the response. */
  check?: (response: RawResponse) => void
}

export interface Target extends Site {
  /** Everything that R2 holds, with metadata. */
  snapshot(): Promise<unknown>
}

/** A Worker on a socket of its own, which copies nothing on read, with these objects in R2. */
export async function startTarget(
  options: Partial<SiteOptions> = {},
  objects: Record<string, string> = { 'a.txt': 'hello' },
): Promise<Target> {
  const { vars, ...rest } = options
  const quiet = { FALLBACK_DATA_MIGRATION: 'false', FALLBACK_BREAKER_FAILURES: '0' }
  const site = await startSite({ storages: [R2], direct: true, ...rest, vars: { ...quiet, ...vars } })
  for (const [name, text] of Object.entries(objects)) await site.bucket.put(name, text)
  return {
    ...site,
    async snapshot() {
      const { objects: held } = await site.bucket.list({ include: ['httpMetadata', 'customMetadata'] })
      return held.map(({ key, version, httpMetadata, customMetadata }) => ({
        key,
        version,
        httpMetadata,
        customMetadata,
      }))
    },
  }
}

/**
 * One test for each attack: its answer is as expected, says nothing that it must not, and leaves the connection usable. The
 * last test of the group shows that nothing in R2 has changed.
 */
export function itWithstands(target: () => Target, attacks: readonly Attack[]): void {
  let before: unknown
  beforeAll(async () => {
    before = await target().snapshot()
  })

  it.each(attacks)('$name → $status', async ({ sends, status, closes, shows = [], check }) => {
    const { url } = target()
    const bytes = typeof sends === 'string' ? sends : rawRequest(url, sends)
    const methods = typeof sends === 'string' ? [] : [sends.method ?? 'GET']
    const next = rawRequest(url, { target: '/-/health' })
    const { responses, closed } = await exchange(url, bytes + next, { count: 2, methods })
    const [response, after] = responses
    if (!response) throw new Error(closed ? 'the connection was closed without an answer' : 'no answer')
    expect({ status: response.status, body: response.body.slice(0, 300) }).toMatchObject({ status })
    if (closes) expect({ closed, after }).toEqual({ closed: true })
    else expect(after?.body).toBe('{"status":"ok"}')
    expectNoLeak(
      response,
      LEAKS.filter((leak) => !shows.includes(leak)),
    )
    check?.(response)
  })

  it('changes nothing in R2', async () => {
    expect(await target().snapshot()).toEqual(before)
  })
}

/** What no response may contain: secrets, stacks, paths of source files, bindings, addresses of backends. */
const LEAKS = [
  TOKEN,
  '\n    at ',
  '.ts:',
  'index.js',
  'node_modules',
  'file://',
  'MEDIA_KV',
  'COPY_QUEUE',
  'BACKFILL_JOBS',
  'VERIFICATION_JOBS',
  'JOB_INDEX',
  'TIME_SERIES',
  'MIRROR_LOG',
  'TypeError',
]

export function expectNoLeak({ headers, body }: RawResponse, leaks: readonly string[] = LEAKS): void {
  const all = `${headers.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n${body}`
  expect(leaks.filter((leak) => all.includes(leak))).toEqual([])
}
