import type { Config } from '../../config/config.ts'
import type { Check } from '../checks.ts'
import type { ConfigFile } from './config-file.ts'
import type { WranglerConfig } from './stand-ins.ts'
import { boundNames } from './stand-ins.ts'

/** Whether the buckets, namespaces and accounts are the user's own, and those of this environment. */
export function checkResources(
  { config: wrangler, topLevel, environment }: ConfigFile,
  config: Config,
): Check[] {
  const checks: Check[] = []
  const report = (status: Check['status'], name: string, detail: string, fix: string) =>
    checks.push({ name, status, detail, fix })
  const used = config.backends.flatMap((backend) => ('binding' in backend ? [backend.binding] : []))
  for (const { binding, id } of wrangler.kv_namespaces) {
    if (id === undefined || isId(id)) continue
    const fix = used.includes(binding)
      ? `put the id that this prints there: npx wrangler kv namespace create ${binding}`
      : 'no backend uses it: remove it'
    report('failed', binding, `the id "${id}" in [[kv_namespaces]] is not that of a namespace`, fix)
  }
  const { account_id: account } = wrangler
  if (account !== undefined && !isId(account))
    report(
      'failed',
      'account',
      '`account_id` is not the id of an account',
      'write the one that npx wrangler whoami shows, or remove it',
    )
  if (environment === undefined) return checks
  const own = boundNames(wrangler)
  const missing = Object.entries(boundNames(topLevel)).filter(([name]) => !(name in own))
  if (missing.length > 0)
    report(
      'warning',
      'environment',
      `[env.${environment}] lacks ${missing.map(([name, section]) => `${name} (${section})`).join(', ')}`,
      'environments inherit no bindings: repeat them there',
    )
  const production = resourcesOf(topLevel)
  for (const resource of resourcesOf(wrangler))
    if (production.includes(resource))
      report(
        'warning',
        'environment',
        `the ${resource} is also that of the top level, so [env.${environment}] changes it`,
        'give the environment its own',
      )
  return checks
}

function isId(value: string): boolean {
  return /^[\da-f]{32}$/.test(value)
}

function resourcesOf({ r2_buckets, kv_namespaces, queues }: WranglerConfig): string[] {
  return [
    ...r2_buckets.map(({ bucket_name }) => `bucket ${bucket_name}`),
    ...kv_namespaces.map(({ id }) => `namespace ${id}`),
    ...(queues.producers ?? []).map(({ queue }) => `queue ${queue}`),
  ]
}
