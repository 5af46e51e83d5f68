import type { Config } from './config.ts'
import type { BackendConfig } from './backend-config.ts'

/** A setting that may be meant, and seldom is. */
export interface Warning {
  backend: string
  detail: string
}

/** Backends that may lead back to this Worker: they have the host of `MEDIA_URL`, or the one that a request came to. */
export function hostWarnings(
  { backends, mediaUrl }: Pick<Config, 'backends' | 'mediaUrl'>,
  requestUrl: string,
): Warning[] {
  const media = mediaUrl === undefined ? undefined : new URL(mediaUrl).host
  const request = new URL(requestUrl).host
  return backends.flatMap((backend) => {
    const { key, url } = addressOf(backend)
    const host = url && new URL(url).host
    if (host === undefined || (host !== media && host !== request)) return []
    const whose = host === media ? 'MEDIA_URL' : 'this request'
    const detail = `\`${key}\` has the host of ${whose} (${host}): if this Worker answers there, the backend leads back to it. Give it the address of what holds the files itself`
    return [{ backend: backend.name, detail }]
  })
}

/** The URL that requests go to; behind a binding there is none. */
function addressOf(backend: BackendConfig): { key: string; url?: string | undefined } {
  if (backend.type === 's3') return { key: 'endpoint', url: backend.endpoint }
  if (backend.type === 'http' && backend.binding === undefined) return { key: 'url', url: backend.url }
  return { key: '' }
}
