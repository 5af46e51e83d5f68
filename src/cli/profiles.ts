import { execSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import * as v from 'valibot'
import { isMissing, messageOf, usageError } from './errors.ts'

/** A deployment, and where its token comes from. */
const profile = v.strictObject({
  url: v.string(),
  token: v.optional(v.string()),
  token_file: v.optional(v.string()),
  token_env: v.optional(v.string()),
  token_command: v.optional(v.string()),
})
export type Profile = v.InferOutput<typeof profile>

const config = v.strictObject({
  /** The profile that is used if none is named. */
  current: v.optional(v.string()),
  profiles: v.record(v.string(), profile),
})
export type ProfileConfig = v.InferOutput<typeof config>

/** One letter would be a Windows drive, as in `c:photos`. */
const PROFILE_NAME = /^[A-Za-z0-9][\w.-]+$/

/** Throws unless it can be the name of a profile. */
export function checkProfileName(name: string): void {
  if (!PROFILE_NAME.test(name))
    throw usageError(`"${name}" cannot name a profile: use at least two letters, digits, "-", "_" or "."`)
}

/** Where the profiles are stored; undefined if the environment names no home. */
function configFile(env: NodeJS.ProcessEnv): string | undefined {
  const { XDG_CONFIG_HOME: xdg = '', APPDATA: appData = '', HOME: home = '' } = env
  // The specification of XDG ignores relative paths.
  const folder = isAbsolute(xdg)
    ? xdg
    : process.platform === 'win32'
      ? appData
      : home && join(home, '.config')
  return folder === '' ? undefined : join(folder, 'fallback-storage', 'config.json')
}

/** All profiles; none if there is no file. */
export function readProfiles(env: NodeJS.ProcessEnv): ProfileConfig {
  const file = configFile(env)
  try {
    if (file === undefined) return { profiles: {} }
    return v.parse(config, JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    if (isMissing(error)) return { profiles: {} }
    throw usageError(`${file}: ${fileProblem(error)}`)
  }
}

/** Parsers quote what they found, which may be a token. */
function fileProblem(error: unknown): string {
  if (error instanceof SyntaxError) return 'is not valid JSON'
  if (!(error instanceof v.ValiError)) return messageOf(error)
  return `${v.getDotPath(error.issues[0]) ?? 'the document'} is missing, unknown or of the wrong type`
}

/** Replaces the file as a whole; only its owner may read it, because it may contain tokens. */
export function writeProfiles(env: NodeJS.ProcessEnv, profiles: ProfileConfig): string {
  const file = configFile(env)
  if (file === undefined) throw usageError('set HOME or XDG_CONFIG_HOME: there is no place for the profiles')
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const part = `${file}.${process.pid}`
  writeFileSync(part, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  renameSync(part, file)
  return file
}

/** The profile of that name. */
export function profileOf({ profiles }: ProfileConfig, name: string): Profile {
  const found = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  if (found) return found
  const known = Object.keys(profiles)
  throw usageError(
    known.length === 0
      ? `there is no profile "${name}": add it with \`fallback-storage profile add ${name} --url URL\``
      : `there is no profile "${name}"; there are: ${known.join(', ')}`,
  )
}

/** The profile's token, read from where the profile says; undefined if it has none, or only from a command that must not run. */
export function profileToken(
  name: string,
  profile: Profile,
  { env, runsCommands }: { env: NodeJS.ProcessEnv; runsCommands: boolean },
): string | undefined {
  const { token, token_file: file, token_env: variable, token_command: command } = profile
  if (token !== undefined) return token
  if (file !== undefined) return readToken(file, `the profile "${name}"`)
  if (variable !== undefined) {
    const value = env[variable]
    if (!value) throw usageError(`the profile "${name}" reads its token from ${variable}, which is not set`)
    return value
  }
  if (command === undefined || !runsCommands) return undefined
  try {
    // Standard error and standard input stay the terminal's: password managers may have to unlock.
    return execSync(command, { encoding: 'utf8', stdio: ['inherit', 'pipe', 'inherit'] })
  } catch {
    throw usageError(`the token command of the profile "${name}" failed: ${command}`)
  }
}

/** The token in a file. */
export function readToken(file: string, source: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`${source}: ${messageOf(error)}`)
  }
}
