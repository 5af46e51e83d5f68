import { rawPath } from '../../http/raw-path.ts'

/** Where S3 clients come in. */
export interface Entrance {
  /** The raw path from the bucket on, beginning with a slash: `/{bucket}/{key}`. */
  path: string
  /** Whether the bucket is in the hostname, and was put before the path. */
  isVirtual: boolean
}

interface EntranceSettings {
  mediaPath: string
  s3Bucket: string | undefined
  s3Host: string | undefined
}

export type FindEntrance = (url: string) => Entrance | null

/**
 * Recognises URLs of S3 clients: by the hostname, or by the path below the media. Never by a signature, which a request
 * for media may have too. `null` for all others, and for the Worker's health on the hostname of S3 clients.
 */
export function createEntrance({ mediaPath, s3Bucket, s3Host }: EntranceSettings): FindEntrance {
  const prefix = `${mediaPath}-/s3`
  const health = `${mediaPath}-/health`
  const hasPort = s3Host?.includes(':') ?? false
  const virtualHost = `${s3Bucket}.${s3Host}`
  return (url) => {
    const path = rawPath(url)
    if (s3Host !== undefined) {
      const host = hostOf(url, hasPort)
      const isVirtual = s3Bucket !== undefined && host === virtualHost
      if (isVirtual || host === s3Host) {
        if (path === health) return null
        return { path: isVirtual ? `/${s3Bucket}${path}` : path, isVirtual }
      }
    }
    if (path !== prefix && !path.startsWith(`${prefix}/`)) return null
    return { path: path.slice(prefix.length) || '/', isVirtual: false }
  }
}

/** In lower case. Ports only matter if S3_HOST has one, as in development. */
function hostOf(url: string, withPort: boolean): string {
  const start = url.indexOf('://') + 3
  const end = url.indexOf('/', start)
  const [authority = ''] = url.slice(start, end < 0 ? undefined : end).split('?', 1)
  const colon = withPort ? -1 : authority.indexOf(':')
  return authority.slice(0, colon < 0 ? undefined : colon).toLowerCase()
}
