import { createRequire } from 'node:module'
import { basename } from 'node:path'
import type * as Wrangler from 'wrangler'
import { didYouMean, nearest } from '../../config/errors.ts'
import { messageOf } from '../errors.ts'
import { findWrangler } from '../wrangler.ts'
import { boundNames, type WranglerConfig } from './stand-ins.ts'

export interface ConfigSource {
  /** Default: wrangler's own search from the current folder. */
  file?: string | undefined
  environment?: string | undefined
}

/** A configuration file as wrangler reads it. */
export interface ConfigFile {
  path: string
  /** Without its folder, e.g. `wrangler.toml`. */
  name: string
  environment: string | undefined
  /** Of the environment, with wrangler's defaults. */
  config: WranglerConfig
  /** Without an environment, the same. */
  topLevel: WranglerConfig
  /** The secrets in `.dev.vars`, which only `wrangler dev` uses. */
  localSecrets: Readonly<Record<string, unknown>>
}

/** A mistake for which the file cannot be read any further. */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError'
  readonly fix: string

  constructor(message: string, fix: string) {
    super(message)
    this.fix = fix
  }
}

/** Reads it with the wrangler that will deploy it. */
export function readConfigFile({ file, environment }: ConfigSource): ConfigFile {
  const wrangler = loadWrangler()
  const { rawConfig: raw, configPath } = attempt(() => wrangler.experimental_readRawConfig({ config: file }))
  if (configPath === undefined)
    throw new ConfigFileError(
      'there is no wrangler.toml here',
      'run `fallback-storage init`, or name the file: --config path/to/wrangler.toml',
    )
  const name = basename(configPath)
  const readFor = (env: string | undefined) =>
    attempt(() => wrangler.unstable_readConfig({ config: configPath, env }, { hideWarnings: true }))
  checkEnvironment(environment, Object.keys(raw.env ?? {}))
  const topLevel = readFor(undefined)
  checkKeys(raw, [...Object.keys(topLevel), 'env', '$schema'])
  const config = environment === undefined ? topLevel : readFor(environment)
  if (environment !== undefined && Object.keys(config.vars).length === 0) {
    const missing = ['vars', ...new Set(Object.values(boundNames(topLevel)))].join(', ')
    throw new ConfigFileError(
      `[env.${environment}] has no variables: environments inherit neither variables nor bindings`,
      `repeat them below [env.${environment}], with their own buckets and queues: ${missing}`,
    )
  }
  const localSecrets = varsForDev(wrangler, { ...config, vars: {} }, environment)
  return { path: configPath, name, environment, config, topLevel, localSecrets }
}

/** How `wrangler dev` runs the Worker: its variables, in which those of `.dev.vars` come first, and the protocol. */
export function readDevConfig({ file, environment }: ConfigSource): {
  vars: Record<string, unknown>
  protocol: 'http' | 'https'
} {
  const wrangler = loadWrangler()
  const config = wrangler.unstable_readConfig({ config: file, env: environment }, { hideWarnings: true })
  return { vars: varsForDev(wrangler, config, environment), protocol: config.dev.local_protocol }
}

function loadWrangler(): typeof Wrangler {
  return createRequire(import.meta.url)(findWrangler(process.cwd())) as typeof Wrangler
}

function varsForDev(
  wrangler: typeof Wrangler,
  { configPath, vars }: Pick<WranglerConfig, 'configPath' | 'vars'>,
  environment: string | undefined,
): Record<string, unknown> {
  const bindings = wrangler.unstable_getVarsForDev(configPath, undefined, vars, environment, true)
  return Object.fromEntries(Object.entries(bindings).map(([key, { value }]) => [key, value]))
}

interface SyntaxLocation {
  location?: { line: number; column: number; lineText?: string } | null
}

function attempt<Result>(read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    const { location } = error as SyntaxLocation
    if (!location) throw new ConfigFileError(messageOf(error).trim(), 'correct the file')
    const place = `line ${location.line}: ${location.lineText ?? ''}`.trimEnd()
    throw new ConfigFileError(`${messageOf(error)}\n${place}`, 'correct the syntax: https://toml.io')
  }
}

function checkEnvironment(environment: string | undefined, known: readonly string[]): void {
  if (environment === undefined || known.includes(environment)) return
  const others = known.length === 0 ? '' : `; the file has ${known.map((name) => `[env.${name}]`).join(', ')}`
  throw new ConfigFileError(
    `there is no [env.${environment}]${didYouMean(environment, known)}${others}`,
    "without --env, the top level is used, which is production in the project's own file",
  )
}

/** Variables that are not below [vars], and keys that are almost those of wrangler: it ignores both. */
function checkKeys(raw: object, known: readonly string[]): void {
  for (const key of Object.keys(raw)) {
    if (known.includes(key)) continue
    if (/^[A-Z][A-Z\d_]*$/.test(key))
      throw new ConfigFileError(
        `${key} is at the top level, where wrangler ignores it`,
        'move it below [vars]',
      )
    const meant = nearest(key, known)
    if (meant !== undefined)
      throw new ConfigFileError(`${key} is unknown to wrangler, which ignores it`, `did you mean ${meant}?`)
  }
}
