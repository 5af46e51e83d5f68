import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import pLimit from 'p-limit'
import { newJobId } from '../../jobs/jobs.ts'
import { primaryOf } from '../../jobs/verification/job.ts'
import { jsonBy, queryBy } from '../api/request.ts'
import { requireToken } from '../auth.ts'
import type { AppEnv } from '../context.ts'
import { found, jobIdIn, jobsOf, locationOf } from './request.ts'
import { reportPage } from './report.ts'
import { differencesQuery, verificationBody } from './schemas.ts'
import { notAllowed } from '../not-allowed.ts'

const SHOWN_JOBS = 50
const CONCURRENCY = 5
const EXAMPLES = 200

/** Verifications: begun, watched, and read as a certificate. */
export function verificationRoutes() {
  const routes = new Hono<AppEnv>()
    .post('/verifications', requireToken, async (c) => {
      const body = await jsonBy(c, verificationBody)
      primaryOf(c.var.deployment.chain)
      const jobs = jobsOf(c)
      const id = newJobId(Date.now())
      await jobs.index().register(id, 'verification')
      const job = await jobs.verification(id).create(id, body)
      return c.json(job, 202, { Location: locationOf(c, 'verifications', id) })
    })
    .get('/verifications', requireToken, async (c) => {
      const jobs = jobsOf(c)
      const ids = await jobs.index().jobs('verification', SHOWN_JOBS)
      const limit = pLimit(CONCURRENCY)
      const all = await Promise.all(ids.map((id) => limit(() => jobs.verification(id).status())))
      return c.json({ verifications: all.filter((job) => job !== null) })
    })
    .get('/verifications/:id', requireToken, async (c) => c.json(found(await verificationIn(c).status())))
    .get('/verifications/:id/differences', requireToken, async (c) => {
      const { kind, limit, cursor } = queryBy(c, differencesQuery)
      const job = verificationIn(c)
      found(await job.status())
      const page = await job.differences(kind, cursor, limit)
      return c.json({
        differences: page.differences,
        cursor: page.cursor === null ? null : String(page.cursor),
      })
    })
    .get('/verifications/:id/report', requireToken, async (c) => {
      const job = verificationIn(c)
      const verification = found(await job.status())
      const { differences } = await job.differences(undefined, 0, EXAMPLES)
      // Self-contained: no script runs and nothing is loaded, whatever a name holds.
      c.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'")
      return c.html(reportPage(verification, differences))
    })
    .post('/verifications/:id/cancel', requireToken, async (c) =>
      c.json(found(await verificationIn(c).cancel())),
    )
  routes.all('/verifications', notAllowed('GET, HEAD, POST'))
  routes.all('/verifications/:id', notAllowed('GET, HEAD'))
  for (const view of ['differences', 'report'])
    routes.all(`/verifications/:id/${view}`, notAllowed('GET, HEAD'))
  routes.all('/verifications/:id/cancel', notAllowed('POST'))
  return routes
}

function verificationIn(c: Context<AppEnv>) {
  return jobsOf(c).verification(jobIdIn(c))
}
