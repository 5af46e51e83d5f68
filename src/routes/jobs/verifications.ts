import { chooseSides } from '../../jobs/verification/sides.ts'
import type { Context } from 'hono'
import { checkCertificate, signCertificate } from '../../access/certificates.ts'
import { canonicalJson } from '../../storage/canonical-json.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Verification } from '../../schemas/job-answers.ts'
import { findAsset } from '../assets.ts'
import type { AppEnv, Handlers } from '../context.ts'
import { latestJobs } from '../../jobs/backfills.ts'
import { found, jobIn, jobsOf, polled, SHOWN_JOBS, startJob } from './jobs.ts'
import { reportPage } from './report.ts'

const EXAMPLES = 200

/** Verifications: started, watched, and read as a certificate. */
export const verificationHandlers = {
  async listVerifications(c) {
    const jobs = jobsOf(c)
    const latest = { kind: 'verification', limit: SHOWN_JOBS } as const
    const verifications = await latestJobs(jobs, latest, async (id) => {
      const job = await jobs.verification(id).status()
      return job && signed(c, job)
    })
    return { verifications }
  },
  async startVerification(c, { body }) {
    const { chain, config } = c.var.deployment
    chooseSides(chain, body)
    if (body.direction === 'rollback' && (body.check_copies || body.repair))
      throw new StorageError(
        'invalid',
        'check_copies, repair: a verification with direction "rollback" has neither',
      )
    const { check_copies: checkCopies, max_per_second: rate, ...others } = body
    const options = { ...others, checkCopies, maxPerSecond: rate ?? config.verifyPerSecond }
    return startJob(c, 'verification', (id) =>
      jobsOf(c).verification(id).create(id, options, c.var.identity?.name),
    )
  },
  getVerification: async (c, { id }) => polled(c, await read(c, id)),
  async checkCertificate(c, { body: { content } }) {
    const { config, configuration } = c.var.deployment
    const result = await checkCertificate(content, config.certificateKeys)
    const { certificate } = content as unknown as Verification
    const isSame = canonicalJson(certificate?.configuration) === canonicalJson(configuration)
    return {
      valid: result === 'valid',
      detail: CHECKED[result],
      current: result === 'valid' ? isSame : null,
    }
  },
  listDifferences: async (c, { id, query: { kind, limit, cursor } }) =>
    found(await jobIn(c, 'verification', id).differences(kind, cursor, limit)),
  async getVerificationReport(c, { id }) {
    const verification = await read(c, id)
    const page = await jobIn(c, 'verification', id).differences(undefined, 0, EXAMPLES)
    const { differences } = found(page)
    // Self-contained: no script runs and nothing is loaded, no matter what a name contains.
    c.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'")
    return c.html(reportPage(verification, differences, await styleOf(c)))
  },
  cancelVerification: async (c, { id }) => found(await jobIn(c, 'verification', id).cancel()),
} satisfies Partial<Handlers>

/** Of the page; a Worker without assets shows it plainly. */
async function styleOf(c: Context<AppEnv>): Promise<string> {
  if (!c.var.deployment.config.services.assets) return ''
  // So does one whose assets fail: nothing is missing from the report then.
  const style = await findAsset(c, 'report.css')
    .then((asset) => asset?.text())
    .catch(() => null)
  return style ?? ''
}

const CHECKED = {
  valid: 'This deployment has issued it, and it is unchanged.',
  changed: 'It was changed after it was signed, or signed with another secret of the same name.',
  unsigned: 'It is not signed: the deployment that issued it had no key.',
  'unknown key': 'It was signed with a key that this deployment does not have, or no longer has.',
}

async function read(c: Context<AppEnv>, id: string): Promise<Verification> {
  return signed(c, found(await jobIn(c, 'verification', id).status()))
}

function signed(c: Context<AppEnv>, job: Verification): Promise<Verification> {
  return signCertificate(job, c.var.deployment.config.certificateKeys)
}
