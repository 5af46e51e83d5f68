import { chooseSides } from '../../jobs/verification/sides.ts'
import type { Handlers } from '../context.ts'
import { latestJobs } from '../../jobs/jobs.ts'
import { found, jobIn, jobsOf, polled, SHOWN_JOBS, startJob } from './jobs.ts'
import { reportPage } from './report.ts'

const EXAMPLES = 200

/** Verifications: started, watched, and read as a certificate. */
export const verificationHandlers = {
  async listVerifications(c) {
    const jobs = jobsOf(c)
    const latest = { kind: 'verification', limit: SHOWN_JOBS } as const
    return { verifications: await latestJobs(jobs, latest, (id) => jobs.verification(id).status()) }
  },
  async startVerification(c, { body }) {
    const { chain, config } = c.var.deployment
    chooseSides(chain, body)
    const { check_copies: checkCopies, max_per_second: rate, ...others } = body
    const options = { ...others, checkCopies, maxPerSecond: rate ?? config.verifyPerSecond }
    return startJob(c, 'verification', (id) =>
      jobsOf(c).verification(id).create(id, options, c.var.identity?.name),
    )
  },
  getVerification: async (c, { id }) => polled(c, found(await jobIn(c, 'verification', id).status())),
  listDifferences: async (c, { id, query: { kind, limit, cursor } }) =>
    found(await jobIn(c, 'verification', id).differences(kind, cursor, limit)),
  async getVerificationReport(c, { id }) {
    const job = jobIn(c, 'verification', id)
    const verification = found(await job.status())
    const { differences } = found(await job.differences(undefined, 0, EXAMPLES))
    // Self-contained: no script runs and nothing is loaded, no matter what a name contains.
    c.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'")
    return c.html(reportPage(verification, differences))
  },
  cancelVerification: async (c, { id }) => found(await jobIn(c, 'verification', id).cancel()),
} satisfies Partial<Handlers>
