import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { close, listen } from '../kit/servers/listen.ts'
import { createCli } from './run.ts'

const DATE = '2026-11-23T06:59:47.000Z'
const NOTHING = { listed: 0, copied: 0, present: 0, skipped: 0, skipped_by: {}, failed: 0, bytes: 0 }
const JOB = {
  ...NOTHING,
  id: 'job',
  rate: 0,
  started: DATE,
  updated: DATE,
  finished: null,
  prefix: '',
  dry_run: false,
  manifest: null,
  waiting: null,
  backends: { legacy: NOTHING },
}
const LISTING = { ...JOB, state: 'listing', listed: 2_000, copied: 500 }
const RUNNING = { ...JOB, state: 'running', listed: 5_000, copied: 2_000 }
const DRY_RUN = { ...JOB, id: 'dry', state: 'completed', dry_run: true, listed: 40_000 }
/** In a pipe, progress is printed every five seconds. */
const LINE_MS = 5_000

/** What `backfill watch` prints for a job that does not change until it completes, given these other jobs. */
async function watched(job: object, ...others: object[]): Promise<string> {
  let started: number | undefined
  let late = 0
  const server = createServer((request, response) => {
    started ??= Date.now()
    if (Date.now() - started > LINE_MS) late += 1
    // The second poll after five seconds is sure to print the line; the job ends long before the next one.
    const now = late <= 2 ? job : { ...job, state: 'completed' }
    const answer = request.url?.endsWith('/backfills') ? { backfills: [now, ...others] } : now
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer))
  })
  const { stderr } = await createCli(await listen(server))(['backfill', 'watch', 'job'])
  await close(server)
  return stderr
}

it.concurrent.each([
  {
    what: 'shows no total while it is still listing',
    jobs: [LISTING],
    says: 'backfill: 500, 0/s, 2,000 listed so far\n',
  },
  {
    what: 'shows the percentage once listing is done',
    jobs: [RUNNING],
    says: 'backfill: 2,000 of 5,000 (40 %), 0/s\n',
  },
  {
    what: 'uses the total of a dry run of the same names while it is listing',
    jobs: [LISTING, { ...DRY_RUN, id: 'other', prefix: 'photos/', listed: 7 }, DRY_RUN],
    says: 'backfill: 500 of 40,000 (1 %), 0/s, total from the dry run, 2,000 listed so far\n',
  },
  {
    what: 'ignores a dry run that counted fewer names than are listed',
    jobs: [LISTING, { ...DRY_RUN, listed: 1_999 }],
    says: 'backfill: 500, 0/s, 2,000 listed so far\n',
  },
  {
    what: 'counts what a dry run has listed so far',
    jobs: [{ ...LISTING, dry_run: true, copied: 0 }],
    says: 'dry run: 2,000, 0/s, listing\n',
  },
])('$what', async ({ jobs: [job = {}, ...others], says }) => {
  expect(await watched(job, ...others)).toBe(says)
})
