import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { close, listen } from '../kit/servers/listen.ts'
import { createCli, createFakeTerminal } from './run.ts'

/** Enough for the bar to appear. */
const POLLS = 5
const DATE = '2026-11-23T06:59:47.000Z'
const NOTHING = { listed: 0, copied: 0, present: 0, skipped: 0, skipped_by: {}, failed: 0, bytes: 0 }
const JOB = {
  ...NOTHING,
  id: 'job',
  rate: 0,
  bytes_rate: 0,
  eta: null,
  started: DATE,
  updated: DATE,
  finished: null,
  prefix: '',
  dry_run: false,
  manifest: null,
  mirror: null,
  waiting: null,
  backends: { legacy: NOTHING },
}
const LISTING = {
  ...JOB,
  state: 'listing',
  listed: 2_000,
  copied: 500,
  total: { objects: 2_000, bytes: null, exact: false },
}
const RUNNING = {
  ...JOB,
  state: 'running',
  listed: 5_000,
  copied: 2_000,
  total: { objects: 5_000, bytes: null, exact: true },
}
const DRY_RUN = { ...JOB, id: 'dry', state: 'completed', dry_run: true, listed: 40_000 }
/** The last output of `backfill watch` on a terminal before the job completes, without the bar, given these other jobs. */
async function watched(job: object, ...others: object[]): Promise<string | undefined> {
  let polls = 0
  const server = createServer((request, response) => {
    const isList = request.url?.endsWith('/backfills') ?? false
    if (!isList) polls += 1
    const now = polls <= POLLS ? job : { ...job, state: 'completed' }
    const answer = isList ? { backfills: [now, ...others] } : now
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer))
  })
  const shown = await createFakeTerminal(await listen(server))(['backfill', 'watch', 'job'])
  await close(server)
  // oxlint-disable-next-line no-control-regex -- the bar is between them
  return [...shown.matchAll(/\r\u001b\[K(.*?) {2}[█░]+ {2}(.*?)\u001b/g)]
    .map(([, label, text]) => `${label}: ${text}`)
    .at(-1)
}

it.concurrent.each([
  {
    what: 'shows no total while it is still listing',
    jobs: [LISTING],
    says: 'backfill: 500, 0/s, 2,000 listed so far',
  },
  {
    what: 'shows the percentage once listing is done',
    jobs: [RUNNING],
    says: 'backfill: 2,000 of 5,000 (40 %), 0/s',
  },
  {
    what: 'shows the speed that the job reports',
    jobs: [{ ...RUNNING, rate: 12.5, bytes_rate: 3 * 1024 ** 2 }],
    says: 'backfill: 2,000 of 5,000 (40 %), 13/s, 4 min 0 s left, 3.0 MiB/s',
  },
  {
    what: 'uses the total of a dry run of the same names while it is listing',
    jobs: [LISTING, { ...DRY_RUN, id: 'other', prefix: 'photos/', listed: 7 }, DRY_RUN],
    says: 'backfill: 500 of 40,000 (1 %), 0/s, total from the dry run, 2,000 listed so far',
  },
  {
    what: 'ignores a dry run that counted fewer names than are listed',
    jobs: [LISTING, { ...DRY_RUN, listed: 1_999 }],
    says: 'backfill: 500, 0/s, 2,000 listed so far',
  },
  {
    what: 'counts what a dry run has listed so far',
    jobs: [{ ...LISTING, dry_run: true, copied: 0 }],
    says: 'dry run: 2,000, 0/s, listing',
  },
])('$what', async ({ jobs: [job = {}, ...others], says }) => {
  expect(await watched(job, ...others)).toBe(says)
})

it('says how to reattach when watching is interrupted', async () => {
  const interrupt = new AbortController()
  let polls = 0
  const server = createServer((request, response) => {
    if (request.url?.endsWith('/job') && (polls += 1) === 3) interrupt.abort()
    const answer = request.url?.endsWith('/job') ? RUNNING : { backfills: [RUNNING] }
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer))
  })
  const cli = createCli(await listen(server))
  const { code, stderr } = await cli(['backfill', 'watch', 'job'], { signal: interrupt.signal })
  await close(server)
  expect(stderr).toBe(
    'Stopped watching; the job keeps running. Reattach with: fallback-storage backfill watch job\n',
  )
  expect(code).toBe(130)
})
