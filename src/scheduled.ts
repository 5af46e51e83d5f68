import type { Deployment } from './deployment.ts'
import { verifyOnSchedule } from './jobs/verification/schedule.ts'
import { expireVersions } from './prior-versions/expire.ts'

/** What a cron trigger starts. Each task logs its own failure, and none keeps the others from running. */
const TASKS: readonly ((deployment: Deployment) => Promise<void>)[] = [
  verifyOnSchedule,
  async ({ priorVersions, config }) => {
    if (priorVersions) await expireVersions(priorVersions, config.keepReplacedDays)
  },
]

export async function runScheduled(deployment: Deployment): Promise<void> {
  await Promise.all(TASKS.map((task) => task(deployment)))
}
