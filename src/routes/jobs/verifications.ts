import { primaryOf } from '../../jobs/verification/job.ts'
import type { Handlers } from '../context.ts'
import { found, jobIn, latestJobs, startJob } from './jobs.ts'
import { reportPage } from './report.ts'

const EXAMPLES = 200

/** Verifications: started, watched, and read as a certificate. */
export const verificationHandlers = {
  listVerifications: async (c) => ({
    verifications: await latestJobs(c, 'verification', (job) => job.verification()),
  }),
  async startVerification(c, { body }) {
    primaryOf(c.var.deployment.chain)
    return startJob(c, 'verification', (job, id) => job.createVerification(id, body))
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
