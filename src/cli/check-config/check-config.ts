import type { Env } from '../../config/bindings.ts'
import { type Config, ConfigError, parseConfig } from '../../config/config.ts'
import { describeMistake } from '../../config/errors.ts'
import type { Check } from '../checks.ts'
import { checkBackends } from './backends.ts'
import { checkCaching } from './caching.ts'
import { checkChain } from './chain.ts'
import { type ConfigFile, ConfigFileError, type ConfigSource, readConfigFile } from './config-file.ts'
import { checkPlan } from './plan.ts'
import { checkResources } from './resources.ts'
import { type DeployedSecrets, listDeployedSecrets, namedSecrets, sampleOf, SECRETS } from './secrets.ts'
import { checkServices } from './services.ts'
import { boundNames, standIns } from './stand-ins.ts'

export interface CheckOptions extends ConfigSource {
  listSecrets?: (file: ConfigFile) => Promise<DeployedSecrets>
}

/** Checks a configuration before it is deployed. What is wrong with a part of it ends the checks that need that part. */
export async function* checkConfig({
  listSecrets = listDeployedSecrets,
  ...source
}: CheckOptions): AsyncGenerator<Check> {
  let file: ConfigFile
  try {
    file = readConfigFile(source)
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error
    const { message: detail, fix } = error
    yield { name: 'file', status: 'failed', detail, fix }
    return
  }
  const { environment, config: wrangler } = file
  const where = environment === undefined ? 'the top level' : `[env.${environment}]`
  yield {
    name: 'file',
    status: 'ok',
    detail: `${file.path}: ${where}, the Worker ${wrangler.name ?? ''}`.trimEnd(),
  }

  const exposed = secretVariables(wrangler.vars)
  yield* exposed
  const deployed = await listSecrets(file)
  let config: Config
  try {
    config = parseConfig(envOf(file, deployed))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const mistake of error.mistakes)
      yield { name: 'configuration', status: 'failed', detail: describeMistake(mistake) }
    return
  }
  yield { name: 'configuration', status: 'ok', detail: 'is what the Worker accepts' }
  yield checkSecrets(file, deployed, config)
  yield checkChain({
    backends: config.backends.map((backend) => ({
      ...backend,
      role: 'mirror' in backend && backend.mirror ? 'mirror' : 'fallback',
      writable: !backend.readOnly,
    })),
    migration: config.migration,
    deletes: config.deletes,
  })
  yield* checkBackends(file, config)
  yield* checkResources(file, config)
  yield* checkServices(file, config)
  yield* checkCaching(file, config)
  yield* checkPlan(file, config)
}

/** Secrets in [vars] can be read by everyone who can read the file, and in Cloudflare's dashboard. */
function secretVariables(vars: Env): Check[] {
  return [...SECRETS, ...namedSecrets(vars)]
    .filter((name) => vars[name] !== undefined && vars[name] !== '')
    .map((name) => ({
      name: 'secrets',
      status: 'failed',
      detail: `${name} is a secret, but is in [vars], where it is not encrypted`,
      fix: `remove it there, replace it, and set it with: npx wrangler secret put ${name}`,
    }))
}

/** What the Worker will find. Values of secrets cannot be read, so they are those of .dev.vars, or samples. */
function envOf({ config: { vars }, config, localSecrets }: ConfigFile, deployed: DeployedSecrets): Env {
  const names = 'names' in deployed ? deployed.names : [...Object.keys(localSecrets), ...namedSecrets(vars)]
  const secrets = names.map((name) => [name, localSecrets[name] || sampleOf(name)])
  return { ...standIns(config), ...Object.fromEntries(secrets), ...vars }
}

function checkSecrets(
  { config, localSecrets }: ConfigFile,
  deployed: DeployedSecrets,
  { cloudflareAccess }: Config,
): Check {
  const name = 'secrets'
  const named = namedSecrets(config.vars).filter((secret) => config.vars[secret] === undefined)
  if ('unknown' in deployed) {
    const needed =
      named.length === 0 ? 'which secrets the Worker has' : `whether the Worker has ${named.join(', ')}`
    const missing = named.filter((secret) => !localSecrets[secret])
    const put = missing.map((secret) => `npx wrangler secret put ${secret}`).join(', ')
    return {
      name,
      status: 'not_checked',
      detail: `${needed} is not known: ${deployed.unknown}`,
      ...(put !== '' && { fix: `if you have not set them yet: ${put}` }),
    }
  }
  const hasToken = ['API_TOKEN', 'API_TOKENS'].some((token) => deployed.names.includes(token))
  if (!hasToken && !cloudflareAccess)
    return {
      name,
      status: 'warning',
      detail: 'there is no token: uploads, deletes and the other protected routes answer 403',
      fix: 'npx wrangler secret put API_TOKEN',
    }
  const unused = Object.keys(boundNames(config)).filter((binding) => deployed.names.includes(binding))
  if (unused.length > 0)
    return {
      name,
      status: 'failed',
      detail: `${unused.join(', ')} is a secret and a binding at once`,
      fix: `npx wrangler secret delete ${unused[0]}`,
    }
  return { name, status: 'ok', detail: `${deployed.names.join(', ')}: set; their values cannot be read` }
}
