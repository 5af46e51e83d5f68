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

const HEALTH = '/-/health'

/**
 * Recognises requests of S3 clients: by the hostname, or by the path below the media. Never by a signature, which a
 * request for media may have too. `null` for all others.
 */
export function createEntrance({
  mediaPath,
  s3Bucket,
  s3Host,
}: EntranceSettings): (request: Request) => Entrance | null {
  const prefix = `${mediaPath}-/s3`
  return (request) => {
    const path = rawPath(request.url)
    if (s3Host !== undefined) {
      const host = hostOf(request.url)
      const isVirtual = s3Bucket !== undefined && host === `${s3Bucket}.${s3Host}`
      if (isVirtual || host === s3Host) {
        if (path === HEALTH) return null
        return { path: isVirtual ? `/${s3Bucket}${path}` : path, isVirtual }
      }
    }
    if (path !== prefix && !path.startsWith(`${prefix}/`)) return null
    return { path: path.slice(prefix.length) || '/', isVirtual: false }
  }
}

/** In lower case, without the port. */
function hostOf(url: string): string {
  const [, host = ''] = /^[a-z]+:\/\/(?:[^/?#]*@)?([^/?#:]*)/i.exec(url) ?? []
  return host.toLowerCase()
}
