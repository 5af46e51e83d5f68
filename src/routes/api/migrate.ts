import type { Context } from 'hono'
import type { Deployment } from '../../deployment.ts'
import { deadLettersIn } from '../../jobs/dead-letters.ts'
import { openJobs } from '../../jobs/jobs.ts'
import { copyName } from '../../migration/copy-name.ts'
import type { Answers, Migrated } from '../../schemas/answers.ts'
import { toStorageError } from '../../storage/errors.ts'
import { checkName } from '../../storage/name.ts'
import { mapLimited } from '../../storage/map-limited.ts'
import type { AppEnv, Input } from '../context.ts'
import { finish } from '../finish.ts'

/** Copies each name into the first backend that accepts it, whether or not reads copy. A failure does not affect other names. */
export async function migrate(
  c: Context<AppEnv>,
  { body: { names } }: Input<'migrate'>,
): Promise<Answers['migrate']> {
  return { results: await finish(migrateAll(c.get('deployment'), [...new Set(names)])) }
}

async function migrateAll(deployment: Deployment, names: string[]): Promise<Migrated[]> {
  const jobs = openJobs(deployment.config.services)
  const letters = (await jobs?.index().deadLettersOf(names)) ?? []
  const results = await mapLimited(names, (name) => {
    const letter = letters.find((one) => one.name === name)
    return migrateOne(deployment, name, letter?.source)
  })
  const failed = new Set(results.flatMap(({ name, outcome }) => (outcome === 'failed' ? [name] : [])))
  const handled = letters.filter(({ name }) => !failed.has(name))
  if (handled.length > 0) await deadLettersIn(jobs).recover?.(handled)
  return results
}

/** An event of `source` was given up: what has been copied of the name may be out of date. */
async function migrateOne(
  { copyChain, migration, reconcile }: Deployment,
  name: string,
  source: string | null | undefined,
): Promise<Migrated> {
  try {
    checkName(name)
    if (source && copyChain.backends.some((backend) => backend.name === source)) {
      const { outcome } = await reconcile(source, name)
      if (outcome === 'copied') return { name, outcome }
    }
    const { outcome } = await migration.track(name, copyName(copyChain, name))
    return { name, outcome }
  } catch (thrown) {
    const error = toStorageError(thrown, 'chain')
    const [{ backend, message } = error] = error.failures
    const detail = backend === undefined ? message : `${backend}: ${message}`
    return { name, outcome: 'failed', error: error.code, detail }
  }
}
