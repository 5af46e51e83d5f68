import { primaryOf } from '../../jobs/verification/job.ts'
import type { Handlers } from '../context.ts'
import { found, jobIn, jobsOf, latestJobs, startJob } from './jobs.ts'
import { reportPage } from './report.ts'

const EXAMPLES = 200

/** Verifications: started, watched, and read as a certificate. */
export const verificationHandlers = {
  listVerifications: async (c) => ({
    verifications: await latestJobs(c, 'verification', (id) => jobsOf(c).verification(id).status()),
  }),
  async startVerification(c, { body }) {
    primaryOf(c.var.deployment.chain)
    return startJob(c, 'verification', (id) => jobsOf(c).verification(id).create(id, body))
  },
  getVerification: async (c, { id }) => found(await jobIn(c, 'verification', id).status()),
  async listDifferences(c, { id, query: { kind, limit, cursor } }) {
    const job = jobIn(c, 'verification', id)
    found(await job.status())
    const page = await job.differences(kind, cursor, limit)
    return { differences: page.differences, cursor: page.cursor === null ? null : String(page.cursor) }
  },
  async getVerificationReport(c, { id }) {
    const job = jobIn(c, 'verification', id)
    const verification = found(await job.status())
    const { differences } = await job.differences(undefined, 0, EXAMPLES)
    // Self-contained: no script runs and nothing is loaded, whatever a name contains.
    c.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'")
    return c.html(reportPage(verification, differences))
  },
  cancelVerification: async (c, { id }) => found(await jobIn(c, 'verification', id).cancel()),
} satisfies Partial<Handlers>
