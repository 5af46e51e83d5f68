import type { Config } from '../../config/config.ts'
import type { Check } from '../checks.ts'
import type { ConfigFile } from './config-file.ts'

/** https://developers.cloudflare.com/workers/platform/limits/ */
const FREE_SUBREQUESTS = 50
const MAX_VARIABLE_BYTES = 5 * 1024
/** That an `http` backend follows for one name. */
const REDIRECTS = 5

/** The limits of Cloudflare's plans that depend on the configuration. */
export function checkPlan({ config: { vars, limits } }: ConfigFile, { backends }: Config): Check[] {
  const checks: Check[] = []
  for (const [name, value] of Object.entries(vars)) {
    const size = Buffer.byteLength(typeof value === 'string' ? value : JSON.stringify(value))
    if (size > MAX_VARIABLE_BYTES)
      checks.push({
        name: 'plan',
        status: 'failed',
        detail: `${name} has ${size} bytes; Cloudflare allows ${MAX_VARIABLE_BYTES} for a variable`,
        fix: 'shorten it, e.g. by combining filters',
      })
  }
  // Where the name is missing, each rewritten one is tried as well.
  const triesOf = (type: string) =>
    backends
      .filter((backend) => backend.type === type)
      .reduce((sum, { rewrite = [] }) => sum + 1 + rewrite.length, 0)
  const http = triesOf('http')
  const external = http + triesOf('s3')
  const most = external + http * REDIRECTS
  const requests = external === 0 ? 'no requests' : `up to ${external} request${external === 1 ? '' : 's'}`
  const detail = `a read makes ${requests} to other servers${http > 0 ? `, ${most} with redirects` : ''}; Cloudflare's Free plan allows ${FREE_SUBREQUESTS}`
  if (most > FREE_SUBREQUESTS)
    checks.push({ name: 'plan', status: 'warning', detail, fix: 'use fewer backends, or the Paid plan' })
  else checks.push({ name: 'plan', status: 'ok', detail })
  if (limits?.cpu_ms !== undefined)
    checks.push({
      name: 'plan',
      status: 'warning',
      detail: 'the Free plan refuses a deployment with `limits.cpu_ms`',
      fix: 'remove it, unless you have the Paid plan',
    })
  return checks
}
