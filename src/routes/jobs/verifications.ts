import pLimit from 'p-limit'
import { newJobId } from '../../jobs/jobs.ts'
import { primaryOf } from '../../jobs/verification/job.ts'
import type { Handlers } from '../context.ts'
import { found, jobIn, jobsOf, locationOf } from './jobs.ts'
import { reportPage } from './report.ts'

const SHOWN_JOBS = 50
const CONCURRENCY = 5
const EXAMPLES = 200

/** Verifications: started, watched, and read as a certificate. */
export const verificationHandlers = {
  async listVerifications(c) {
    const jobs = jobsOf(c)
    const ids = await jobs.index().jobs('verification', SHOWN_JOBS)
    const limit = pLimit(CONCURRENCY)
    const verifications = await Promise.all(ids.map((id) => limit(() => jobs.job(id).verification())))
    return { verifications: verifications.filter((job) => job !== null) }
  },
  async startVerification(c, { body }) {
    primaryOf(c.var.deployment.chain)
    const jobs = jobsOf(c)
    const id = newJobId(Date.now())
    await jobs.index().register(id, 'verification')
    const job = await jobs.job(id).createVerification(id, body)
    c.header('Location', locationOf(c, 'verifications', id))
    return job
  },
  getVerification: async (c, { id }) => found(await jobIn(c, id).verification()),
  async listDifferences(c, { id, query: { kind, limit, cursor } }) {
    const job = jobIn(c, id)
    found(await job.verification())
    const page = await job.differences(kind, cursor, limit)
    return { differences: page.differences, cursor: page.cursor === null ? null : String(page.cursor) }
  },
  async getVerificationReport(c, { id }) {
    const job = jobIn(c, id)
    const verification = found(await job.verification())
    const { differences } = await job.differences(undefined, 0, EXAMPLES)
    // Self-contained: no script runs and nothing is loaded, whatever a name holds.
    c.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'")
    return c.html(reportPage(verification, differences))
  },
  cancelVerification: async (c, { id }) => found(await jobIn(c, id).cancelVerification()),
} satisfies Partial<Handlers>
