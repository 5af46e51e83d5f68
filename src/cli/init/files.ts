import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, parseConfig } from '../../config/config.ts'
import { usageError } from '../errors.ts'
import { INSTALLED, WORKER } from '../packaged-worker.ts'
import type { Setup, Table } from './setup.ts'

/** The package's own configuration, from which that of a project is made. */
const TEMPLATE = new URL('../../../wrangler.toml', import.meta.url)
const IGNORED = ['.dev.vars', '.wrangler', 'node_modules']
/** Wrangler prefers them to a wrangler.toml. */
const OTHER_CONFIGS = ['wrangler.json', 'wrangler.jsonc']

/** Throws if `init` would replace something in the folder without `force`, or write what is not used. */
export function checkFolder(folder: string, { force = false }: { force?: boolean }): void {
  const exists = (name: string) => existsSync(join(folder, name))
  const other = OTHER_CONFIGS.find(exists)
  if (other !== undefined)
    throw usageError(
      `wrangler would use ${other} in ${folder} instead of a wrangler.toml: remove it, or add --dir for another folder`,
    )
  const found = ['wrangler.toml', '.dev.vars'].filter(exists)
  if (found.length === 0 || force) return
  const exist = found.length === 1 ? 'exists' : 'exist'
  throw usageError(
    `${found.join(' and ')} already ${exist} in ${folder}: add --force to replace, or --dir for another folder`,
  )
}

/** Throws if the Worker would not accept the configuration. */
export function checkSetup(setup: Setup): void {
  const method = () => undefined
  try {
    parseConfig({
      MEDIA: { get: method, put: method, createMultipartUpload: method },
      FALLBACK_STORAGES: chain(setup),
      FALLBACK_DATA_MIGRATION: setup.migrate,
      ...Object.assign({}, ...setup.sources.map(({ secrets }) => secrets)),
    })
  } catch (error) {
    throw error instanceof ConfigError ? usageError(error.message) : error
  }
}

/** Writes the files of a project, and returns their names. */
export async function writeProject(folder: string, setup: Setup, token: string): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  const secrets = join(folder, '.dev.vars')
  // The mode is only for a new file.
  await rm(secrets, { force: true })
  await writeFile(secrets, devVars(setup, token), { mode: 0o600 })
  await writeFile(join(folder, 'wrangler.toml'), wranglerToml(setup, readFileSync(TEMPLATE, 'utf8')))
  const ignoring = await ignore(join(folder, '.gitignore'))
  return ['wrangler.toml', '.dev.vars', ...(ignoring ? ['.gitignore'] : [])]
}

/** Whether lines were added. */
async function ignore(path: string): Promise<boolean> {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const lines = new Set(before.split(/\r?\n/).map((line) => line.trim().replaceAll(/^\/|\/$/g, '')))
  const missing = IGNORED.filter((name) => !lines.has(name))
  if (missing.length === 0) return false
  const end = before === '' || before.endsWith('\n') ? '' : '\n'
  await writeFile(path, `${before}${end}${missing.join('\n')}\n`)
  return true
}

/** The configuration of a project, from the package's own. */
export function wranglerToml(setup: Setup, template: string): string {
  const [head = '', ...sections] = template.trim().split(/\n{2,}/)
  const own = sections.filter((section) => !/^\[+(?:build|kv_namespaces|vars|env[.\]])/m.test(section))
  // What people change comes first.
  return [head, variables(setup), ...own]
    .join('\n\n')
    .replace(/^main = .*$/m, `main = ${JSON.stringify(`${INSTALLED}/${WORKER.script}`)}`)
    .replace(/^directory = .*$/m, `directory = ${JSON.stringify(`${INSTALLED}/${WORKER.assets}`)}`)
    .replace(/^bucket_name = .*$/m, `bucket_name = ${JSON.stringify(setup.bucket)}`)
    .concat('\n')
}

function chain({ sources, placeholder }: Setup): Table[] {
  return [
    { type: 'r2', binding: 'MEDIA' },
    ...sources.map(({ table }) => table),
    ...(placeholder ? [{ type: 'placeholder' }] : []),
  ]
}

function variables(setup: Setup): string {
  const lines = [
    '[vars]',
    '# The backends, in the order in which they are tried. The first takes uploads; the others are only read.',
    'FALLBACK_STORAGES = [',
    ...chain(setup).map((table) => `  ${inlineTable(table)},`),
    ']',
    '# Whether what is read from another backend is copied to the first.',
    `FALLBACK_DATA_MIGRATION = ${setup.migrate}`,
  ]
  return lines.join('\n')
}

/** Strings are written in the same way in TOML and in JSON. */
function inlineTable(table: Table): string {
  const pairs = Object.entries(table).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)
  return `{ ${pairs.join(', ')} }`
}

function devVars({ sources }: Setup, token: string): string {
  const lines = [
    '# Secrets for `fallback-storage dev`. Never commit this file. In production: npx wrangler secret put NAME',
    '',
    '# Bearer token with every scope: for uploads, deletes, the dashboard and the command line.',
    `API_TOKEN=${quoted(token)}`,
  ]
  for (const { table, secrets } of sources) {
    const entries = Object.entries(secrets)
    if (entries.length > 0) lines.push('', `# For the backend ${table['name']}.`)
    for (const [name, value] of entries) lines.push(`${name}=${quoted(value)}`)
  }
  return `${lines.join('\n')}\n`
}

/** Within double quotes, `\n` would be a line break. */
function quoted(value: string): string {
  const quote = ['"', "'", '`'].find(
    (mark) => !value.includes(mark) && (mark !== '"' || !value.includes('\\')),
  )
  if (quote === undefined)
    throw usageError('a secret contains all of ", \' and `, so it cannot be written to .dev.vars')
  return quote + value + quote
}
