import type { Deployment } from './deployment.ts'
import { verifyOnSchedule } from './jobs/verification/schedule.ts'

/** What a cron trigger starts. Each task logs its own failure, and none keeps the others from running. */
const TASKS: readonly ((deployment: Deployment) => Promise<void>)[] = [verifyOnSchedule]

export async function runScheduled(deployment: Deployment): Promise<void> {
  await Promise.all(TASKS.map((task) => task(deployment)))
}
