import { Hono } from 'hono/tiny'
import pLimit from 'p-limit'
import { newJobId } from '../../jobs/jobs.ts'
import { primaryOf } from '../../jobs/verification/job.ts'
import { jsonBy, queryBy } from '../api/request.ts'
import { requireToken } from '../auth.ts'
import type { AppEnv } from '../context.ts'
import { found, jobIn, jobsOf, locationOf } from './request.ts'
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
      const job = await jobs.job(id).createVerification(id, body)
      return c.json(job, 202, { Location: locationOf(c, 'verifications', id) })
    })
    .get('/verifications', requireToken, async (c) => {
      const jobs = jobsOf(c)
      const ids = await jobs.index().jobs('verification', SHOWN_JOBS)
      const limit = pLimit(CONCURRENCY)
      const all = await Promise.all(ids.map((id) => limit(() => jobs.job(id).verification())))
      return c.json({ verifications: all.filter((job) => job !== null) })
    })
    .get('/verifications/:id', requireToken, async (c) => c.json(found(await jobIn(c).verification())))
    .get('/verifications/:id/differences', requireToken, async (c) => {
      const { kind, limit, cursor } = queryBy(c, differencesQuery)
      const job = jobIn(c)
      found(await job.verification())
      const page = await job.differences(kind, cursor, limit)
      return c.json({
        differences: page.differences,
        cursor: page.cursor === null ? null : String(page.cursor),
      })
    })
    .get('/verifications/:id/report', requireToken, async (c) => {
      const job = jobIn(c)
      const verification = found(await job.verification())
      const { differences } = await job.differences(undefined, 0, EXAMPLES)
      // Self-contained: no script runs and nothing is loaded, whatever a name holds.
      c.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'")
      return c.html(reportPage(verification, differences))
    })
    .post('/verifications/:id/cancel', requireToken, async (c) =>
      c.json(found(await jobIn(c).cancelVerification())),
    )
  routes.all('/verifications', notAllowed('GET, HEAD, POST'))
  routes.all('/verifications/:id', notAllowed('GET, HEAD'))
  for (const view of ['differences', 'report'])
    routes.all(`/verifications/:id/${view}`, notAllowed('GET, HEAD'))
  routes.all('/verifications/:id/cancel', notAllowed('POST'))
  return routes
}
