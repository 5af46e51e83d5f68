import { usageError } from '../errors.ts'

/** A file or folder, or names of a deployment: without a profile, of the one that options and environment name. */
export type Location = { path: string } | { profile: string | undefined; prefix: string }

/** `./folder` or `profile:prefix/`; `:prefix/` without a profile. */
export function parseLocation(text: string, platform: NodeJS.Platform = process.platform): Location {
  const [, profile, prefix] = /^([^/\\:]*):(.*)$/s.exec(text) ?? []
  const isDrive = platform === 'win32' && /^[A-Za-z]$/.test(profile ?? '')
  if (profile === undefined || prefix === undefined || isDrive) return { path: text }
  if (prefix.startsWith('/'))
    throw usageError(
      `names in a deployment do not begin with "/": write ${profile}:${prefix.replace(/^\/+/, '')}`,
    )
  return { profile: profile === '' ? undefined : profile, prefix }
}
