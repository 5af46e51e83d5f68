import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import type { Env } from '../../config/bindings.ts'
import { isTable, readJsonList } from '../../config/json-list.ts'
import { findWrangler } from '../wrangler.ts'
import type { ConfigFile } from './config-file.ts'

/** The names of the secrets that the deployed Worker has, or why they are not known. */
export type DeployedSecrets = { names: readonly string[] } | { unknown: string }

/** Runs `wrangler secret list`, which needs to be logged in. */
export async function listDeployedSecrets({ path, environment }: ConfigFile): Promise<DeployedSecrets> {
  const args = ['secret', 'list', '--format', 'json', '--config', path]
  if (environment !== undefined) args.push('--env', environment)
  const child = spawn(process.execPath, ['--no-warnings', findWrangler(process.cwd()), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  const output = stripVTControlCharacters(stdout + stderr)
  if (child.exitCode === 0) return namesIn(stdout)
  // https://developers.cloudflare.com/api: the Worker does not exist yet.
  if (output.includes('[code: 10007]')) return { names: [] }
  if (output.includes('CLOUDFLARE_API_TOKEN')) return { unknown: 'not logged in (npx wrangler login)' }
  const reason = /\[ERROR\] *(.+)/.exec(output)?.[1]?.trim()
  return { unknown: `wrangler secret list failed: ${reason ?? `exit code ${child.exitCode}`}` }
}

function namesIn(json: string): DeployedSecrets {
  try {
    return { names: (JSON.parse(json) as { name: string }[]).map(({ name }) => name) }
  } catch {
    return { unknown: 'wrangler secret list printed something other than JSON' }
  }
}

const LONG = 'x'.repeat(32)

/** Values that pass for secrets whose own value cannot be read. */
const SAMPLES: Readonly<Record<string, string>> = {
  API_TOKEN: 'sample',
  API_TOKENS: `[{"name": "sample", "token": "${LONG}", "scopes": ["admin"]}]`,
  URL_SIGNING_KEYS: `[{"id": "sample", "key": "${LONG}"}]`,
  S3_KEYS: `[{"access_key_id": "sample", "secret_access_key": "${LONG}", "scopes": ["admin"]}]`,
  EVENTS_SECRET: LONG,
}

/** The fixed names; backends name theirs. */
export const SECRETS: readonly string[] = Object.keys(SAMPLES)

export function sampleOf(name: string): string {
  return SAMPLES[name] ?? 'user:sample'
}

/** The secrets without which the configuration of these variables is wrong. */
export function namedSecrets(vars: Env): string[] {
  const chain = readJsonList(vars['FALLBACK_STORAGES'], '')
  const tables = 'value' in chain ? chain.value.filter(isTable) : []
  const keys = vars['MEDIA_ACCESS'] === 'signed' ? ['URL_SIGNING_KEYS'] : []
  return [...new Set([...tables.flatMap(secretsOf), ...keys])]
}

function secretsOf({ credentials, basic_auth: basicAuth, headers }: Record<string, unknown>): string[] {
  const names = isTable(headers) ? Object.values(headers) : []
  return [
    ...(typeof credentials === 'string'
      ? [`${credentials}_ACCESS_KEY_ID`, `${credentials}_SECRET_ACCESS_KEY`]
      : []),
    ...(typeof basicAuth === 'string' ? [basicAuth] : []),
    ...names.flatMap((value) => (typeof value === 'string' && value.startsWith('$') ? [value.slice(1)] : [])),
  ]
}
