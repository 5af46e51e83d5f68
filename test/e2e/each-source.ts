import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { startSite, type Site } from '../kit/worker/site.ts'
import { httpSource, s3Source, type Source } from '../kit/servers/sources.ts'

export interface Pair {
  site: Site
  source: Source
}

/** Bodies up to this are copied while they are served. */
export const INLINE_BYTES = 1024 * 1024
export const SMALL = randomBytes(300_000)
export const LARGE = randomBytes(3 * INLINE_BYTES)

/** How long a silent origin is waited for, in milliseconds. */
export const IDLE_MS = 1000
const TIMES = { timeout_ms: 4000, idle_timeout_ms: IDLE_MS }

const SOURCES = [
  ['http', () => httpSource(TIMES)],
  ['s3', () => s3Source(TIMES)],
] as const

/** The same tests with an empty R2 before a web server, and before an S3 bucket. */
export function describeEachSource(title: string, tests: (the: Pair, type: 'http' | 's3') => void): void {
  describe.each(SOURCES)(`${title}, from %s`, (type, startSource) => {
    const the = {} as Pair
    beforeAll(async () => {
      the.source = await startSource()
      the.site = await startSite({
        storages: [{ type: 'r2', binding: 'MEDIA' }, the.source.table],
        vars: {
          FALLBACK_INLINE_MAX_BYTES: `${INLINE_BYTES}`,
          FALLBACK_BREAKER_FAILURES: '0',
          ...the.source.secrets,
        },
      })
    })
    afterAll(async () => {
      await the.site?.close()
      await the.source?.close()
    })
    tests(the, type)
  })
}

export async function bytesOf(response: Response | Promise<Response>): Promise<Buffer> {
  return Buffer.from(await (await response).arrayBuffer())
}
