import { type Namespaces, openBackfills } from './backfills.ts'
import type { Verification } from './verification/job.ts'

/** The Durable Objects of jobs, each addressed by its id. */
export type Jobs = NonNullable<ReturnType<typeof openJobs>>

/** `undefined` if not all three are bound. */
export function openJobs(namespaces: Namespaces) {
  const { verificationJobs } = namespaces
  const backfills = openBackfills(namespaces)
  if (!backfills || !verificationJobs) return undefined
  return {
    ...backfills,
    verification: (id: string) => verificationJobs.getByName(id) as DurableObjectStub<Verification>,
  }
}

/** Ids sort by time. */
export function newJobId(now: number): string {
  const random = crypto.getRandomValues(new Uint8Array(6))
  const suffix = [...random].map((byte) => (byte % 36).toString(36)).join('')
  return `${now.toString(36).padStart(9, '0')}${suffix}`
}

export function isJobId(id: string): boolean {
  return /^[0-9a-z]{15}$/.test(id)
}
