import { usageError } from './errors.ts'
import { profileOf, profileToken, readProfiles, readToken } from './profiles.ts'

/** The options that say which deployment is meant. */
export interface DeploymentOptions {
  url?: string
  tokenFile?: string
  profile?: string
}

/** Where a deployment is, and its token: empty if there is none. */
export interface Deployment {
  url: string
  token: string
}

/**
 * Options come first, then the environment, then the current profile. A profile's token is sent to no other URL than the
 * profile's.
 */
export function findDeployment(
  options: DeploymentOptions,
  env: NodeJS.ProcessEnv,
  { runsCommands = true } = {},
): Deployment {
  const { tokenFile: file, profile: named } = options
  if (options.url !== undefined && named !== undefined)
    throw usageError('--url and --profile exclude each other: leave one out')
  const given = file === undefined ? undefined : readToken(file, '--token-file')
  const fromEnv = env['FALLBACK_STORAGE_TOKEN'] || undefined
  const url = options.url ?? (named === undefined ? env['FALLBACK_STORAGE_URL'] || undefined : undefined)
  if (url !== undefined) return { url, token: checkToken(given ?? fromEnv) }

  const profiles = readProfiles(env)
  const name = named ?? (env['FALLBACK_STORAGE_PROFILE'] || profiles.current)
  if (name === undefined) {
    throw usageError(
      'which Worker? Give --url or set FALLBACK_STORAGE_URL, e.g. https://media.example.com/, or add a profile: fallback-storage profile add --help',
    )
  }
  const profile = profileOf(profiles, name)
  const own = () => profileToken(name, profile, { env, runsCommands })
  // A profile that is named by an option comes before the environment; one that is merely current comes after it.
  const token = given ?? (named === undefined ? (fromEnv ?? own()) : (own() ?? fromEnv))
  return { url: profile.url, token: checkToken(token) }
}

function checkToken(token = ''): string {
  const trimmed = token.trim()
  if (!/^[!-~]*$/.test(trimmed))
    throw usageError('the token contains characters that are not allowed in a header')
  return trimmed
}
