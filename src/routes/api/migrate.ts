import type { Context } from 'hono'
import { copyName } from '../../migration/copy-name.ts'
import type { Answers, Migrated } from '../../schemas/answers.ts'
import { toStorageError } from '../../storage/errors.ts'
import { checkName } from '../../storage/name.ts'
import { mapLimited } from '../../storage/map-limited.ts'
import type { AppEnv, Input } from '../context.ts'
import { finish } from '../finish.ts'

/** As many as an invocation may have requests to backends in flight. */
const CONCURRENCY = 5

/** Copies each name into the first backend that accepts it, whether or not reads copy. A failure does not affect other names. */
export async function migrate(
  c: Context<AppEnv>,
  { body: { names } }: Input<'migrate'>,
): Promise<Answers['migrate']> {
  return { results: await finish(mapLimited(new Set(names), CONCURRENCY, (name) => migrateOne(c, name))) }
}

async function migrateOne(c: Context<AppEnv>, name: string): Promise<Migrated> {
  const { copyChain, migration } = c.get('deployment')
  try {
    checkName(name)
    const { outcome } = await migration.track(name, copyName(copyChain, name))
    return { name, outcome }
  } catch (thrown) {
    const error = toStorageError(thrown, 'chain')
    const [{ backend, message } = error] = error.failures
    const detail = backend === undefined ? message : `${backend}: ${message}`
    return { name, outcome: 'failed', error: error.code, detail }
  }
}
