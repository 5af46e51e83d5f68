import { didYouMean } from '../../config/errors.ts'
import type { Config } from '../../config/config.ts'
import type { Check } from '../checks.ts'
import type { ConfigFile } from './config-file.ts'
import type { WranglerConfig } from './stand-ins.ts'

/** The Durable Objects of the Worker: their bindings, classes, and what is missing without them. */
export const OBJECTS: Readonly<Record<string, { className: string; for: string }>> = {
  BACKFILL_JOBS: { className: 'BackfillJob', for: 'backfills' },
  VERIFICATION_JOBS: { className: 'VerificationJob', for: 'verifications' },
  JOB_INDEX: { className: 'JobIndex', for: 'jobs and prior versions' },
  TIME_SERIES: { className: 'TimeSeries', for: 'counts over time' },
  SOURCE_CHANGES: { className: 'SourceChanges', for: 'events of sources' },
  MIRROR_LOG: { className: 'MirrorLog', for: 'mirrors' },
}

/** How often the Worker expects a message of the copy queue to be delivered again. */
export const COPY_RETRIES = 8
const AS_IN_TEMPLATE = "as in the project's wrangler.toml"

/** The platform services that the Worker uses if they are bound: whether they are complete. */
export function checkServices({ config: wrangler, name: file }: ConfigFile, config: Config): Check[] {
  const bound = wrangler.durable_objects.bindings.map(({ name }) => name)
  const services = [...(wrangler.queues.producers ?? []).map(({ binding }) => binding), ...bound]
  const checks = [
    ...checkObjects(wrangler),
    ...checkQueues(wrangler),
    ...checkCron(wrangler, bound),
    ...checkAssets(wrangler),
  ]
  const off = [
    ...(services.includes('COPY_QUEUE') ? [] : ['copies of large objects in the background (COPY_QUEUE)']),
    ...Object.entries(OBJECTS).flatMap(([name, { for: use }]) =>
      bound.includes(name) ? [] : [`${use} (${name})`],
    ),
  ]
  const about = { name: 'services', detail: off.length === 0 ? 'all are bound' : `without ${off.join(', ')}` }
  if (off.length > 0 && config.migration)
    checks.push({ ...about, status: 'warning', fix: `bind them in ${file} ${AS_IN_TEMPLATE}` })
  else checks.push({ ...about, status: 'ok' })
  return checks
}

function checkObjects({ durable_objects, migrations, exports }: WranglerConfig): Check[] {
  const classes = Object.values(OBJECTS).map(({ className }) => className)
  const status = 'failed'
  const own = durable_objects.bindings.filter(({ script_name }) => script_name === undefined)
  const checks = own.flatMap(({ name, class_name: found }): Check[] => {
    const wanted = OBJECTS[name]?.className
    if (wanted !== undefined && found !== wanted)
      return [{ name, status, detail: `has the class "${found}"`, fix: `write class_name = "${wanted}"` }]
    if (classes.includes(found)) return []
    const detail = `the Worker exports no class "${found}"${didYouMean(found, classes)}`
    return [{ name, status, detail, fix: `remove the binding, or write one of ${classes.join(', ')}` }]
  })
  const created = migrations.flatMap(({ new_sqlite_classes = [] }) => new_sqlite_classes)
  const missing = own
    .map(({ class_name }) => class_name)
    .filter((name) => classes.includes(name) && !created.includes(name) && exports[name] === undefined)
  if (missing.length === 0) return checks
  const detail = `none creates ${missing.join(', ')}`
  const list = missing.map((name) => `"${name}"`).join(', ')
  const fix = `add [[migrations]] with a new tag and new_sqlite_classes = [${list}]`
  return [...checks, { name: 'migrations', status, detail, fix }]
}

function checkQueues({ queues: { producers = [], consumers = [] } }: WranglerConfig): Check[] {
  const checks: Check[] = []
  const report = (status: Check['status'], detail: string, fix: string) =>
    checks.push({ name: 'COPY_QUEUE', status, detail, fix })
  const queue = producers.find(({ binding }) => binding === 'COPY_QUEUE')?.queue
  if (queue === undefined) return checks
  const consumer = consumers.find((other) => other.queue === queue)
  if (!consumer) {
    report(
      'failed',
      `nothing consumes the queue "${queue}", so no copy in it is ever made`,
      `add [[queues.consumers]] ${AS_IN_TEMPLATE}`,
    )
    return checks
  }
  const { dead_letter_queue: dead, max_retries: retries } = consumer
  if (retries !== COPY_RETRIES)
    report(
      'warning',
      `its consumer has max_retries = ${retries ?? 'the default'}, but the Worker counts on ${COPY_RETRIES}`,
      `write max_retries = ${COPY_RETRIES}`,
    )
  if (dead === undefined)
    report(
      'warning',
      'it has no dead-letter queue, so copies that fail too often are lost without a record',
      `set dead_letter_queue ${AS_IN_TEMPLATE}`,
    )
  else if (!dead.endsWith('dead-copies'))
    report(
      'failed',
      `the name of its dead-letter queue, "${dead}", does not end in "dead-copies"`,
      'rename it: the Worker recognises dead letters by that',
    )
  else if (!consumers.some((other) => other.queue === dead))
    report(
      'warning',
      `nothing consumes its dead-letter queue "${dead}"`,
      `add [[queues.consumers]] for it ${AS_IN_TEMPLATE}`,
    )
  return checks
}

function checkCron({ triggers }: WranglerConfig, bound: readonly string[]): Check[] {
  if (!bound.includes('VERIFICATION_JOBS') || (triggers.crons ?? []).length > 0) return []
  const detail =
    'there is none, so nothing is verified at night, and prior versions and unfinished uploads stay'
  return [{ name: 'cron', status: 'warning', detail, fix: 'add [triggers] with crons = ["17 3 * * *"]' }]
}

function checkAssets({ assets }: WranglerConfig): Check[] {
  const name = 'assets'
  if (assets === undefined)
    return [
      {
        name,
        status: 'warning',
        detail: 'there is no [assets], so the dashboard answers 404',
        fix: `add it ${AS_IN_TEMPLATE}`,
      },
    ]
  if (assets.binding !== 'ASSETS')
    return [
      {
        name,
        status: 'failed',
        detail: 'the dashboard is read through the binding ASSETS',
        fix: 'write binding = "ASSETS" in [assets]',
      },
    ]
  if (assets.run_worker_first === true) return []
  const detail = "the dashboard's files are served before the Worker runs, under the names of your media"
  return [{ name, status: 'failed', detail, fix: 'write run_worker_first = true in [assets]' }]
}
