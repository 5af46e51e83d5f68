import type { Deployment } from '../../deployment.ts'
import { describeError, log } from '../../observe/log.ts'
import { StorageError } from '../../storage/errors.ts'
import { latestJobs } from '../backfills.ts'
import { newJobId, openJobs } from '../jobs.ts'
import { chooseSides } from './sides.ts'

/** Scheduled verifications that are kept; older ones are deleted. */
const KEPT = 30
/** Among so many of the latest, one may be running. */
const LATEST = 50

type Configured = Pick<Deployment, 'config' | 'copyChain'>

/** Deployments that have logged why they verify nothing: once per isolate is enough. */
const explained = new WeakSet<Configured>()

/**
 * Starts a verification, unless one is running. It reads the primary alone, where damage shows as bytes that do not match
 * their recorded digest: reading every source each night could cost its egress.
 */
export async function verifyOnSchedule(deployment: Configured, kept = KEPT): Promise<void> {
  try {
    const why = whyNot(deployment)
    if (why === undefined) return await start(deployment, kept)
    if (!explained.has(deployment)) log('info', 'scheduled verification', { outcome: 'skipped', reason: why })
    explained.add(deployment)
  } catch (error) {
    log('error', 'scheduled verification', { outcome: 'failed', reason: describeError(error) })
  }
}

/** Why there is nothing to verify; `undefined` if there is. */
function whyNot({ config, copyChain }: Configured): string | undefined {
  if (!openJobs(config.services)) return 'the Durable Objects of jobs are not bound'
  try {
    chooseSides(copyChain, {})
    return undefined
  } catch (error) {
    if (error instanceof StorageError && error.code === 'unsupported') return error.message
    throw error
  }
}

async function start({ config }: Configured, kept: number): Promise<void> {
  const jobs = openJobs(config.services)
  if (!jobs) return
  const latest = { kind: 'verification', limit: LATEST } as const
  const others = await latestJobs(jobs, latest, (id) => jobs.verification(id).status())
  const running = others.find(({ state }) => state === 'running')
  if (running)
    return log('info', 'scheduled verification', { outcome: 'skipped', reason: `${running.id} is running` })
  const id = newJobId(Date.now())
  const outdated = await jobs.index().registerScheduled(id, 'verification', kept)
  const options = {
    prefix: '',
    deep: false,
    checkCopies: true,
    repair: config.repair === 'repair',
    maxPerSecond: config.verifyPerSecond,
    accept: [],
  }
  await jobs.verification(id).create(id, options, 'schedule')
  log('info', 'scheduled verification', { outcome: 'started', job: id })
  for (const old of outdated) {
    await jobs.verification(old).discard()
    await jobs.index().remove(old)
  }
}
