import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { startSite, type Site, type SiteOptions } from '../kit/worker/site.ts'
import { httpSource, s3Source, type Source } from '../kit/servers/sources.ts'

export interface Pair {
  site: Site
  source: Source
}

/** Bodies up to this are copied while they are served. */
const INLINE_BYTES = 512 * 1024
export const SMALL = randomBytes(300_000)
export const LARGE = randomBytes(3 * INLINE_BYTES)

/** While large bodies are copied, a busy machine may stall one for a second. */
const TIMES = { timeout_ms: 10_000, idle_timeout_ms: 4000 }

const SOURCES = [
  ['http', httpSource],
  ['s3', s3Source],
] as const

/** Runs the tests with an empty R2 before a web server, and before an S3 bucket; all at the same time, each with its own names. */
export function describeEachSource(title: string, tests: (the: Pair, type: 'http' | 's3') => void): void {
  describe.concurrent.each(SOURCES)(`${title}, from %s`, (type, startSource) => {
    const the = {} as Pair
    beforeAll(async () => {
      the.source = await startSource(TIMES)
      the.site = await startSite({
        storages: [{ type: 'r2', binding: 'MEDIA' }, the.source.table],
        vars: {
          FALLBACK_INLINE_MAX_BYTES: `${INLINE_BYTES}`,
          FALLBACK_BREAKER_FAILURES: '0',
          ...the.source.secrets,
        },
      })
    })
    afterAll(() => closeAll(the))
    tests(the, type)
  })
}

/** The Worker with an empty S3 bucket as primary, before a web server, for all tests of a file. */
export function withS3Primary(options: Omit<SiteOptions, 'storages'> = {}): Pair & { primary: Source } {
  const the = {} as Pair & { primary: Source }
  beforeAll(async () => {
    the.source = await httpSource()
    the.primary = await s3Source({ name: 'primary', read_only: false })
    the.site = await startSite({
      storages: [the.primary.table, the.source.table],
      ...options,
      vars: { ...the.primary.secrets, ...options.vars },
    })
  })
  afterAll(() => closeAll(the))
  return the
}

/** The Worker first; servers that did not start are omitted. */
async function closeAll({ site, ...sources }: Partial<Pair>): Promise<void> {
  await site?.close()
  for (const source of Object.values(sources)) await source?.close()
}

export async function bytesOf(response: Response | Promise<Response>): Promise<Buffer> {
  return Buffer.from(await (await response).arrayBuffer())
}
