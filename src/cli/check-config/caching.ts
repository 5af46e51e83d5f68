import type { Config } from '../../config/config.ts'
import type { Check } from '../checks.ts'
import type { ConfigFile } from './config-file.ts'

/** Whether the edge cache does what its settings say. */
export function checkCaching({ config: { cache, exports } }: ConfigFile, config: Config): Check[] {
  const name = 'cache'
  const isOn = (entrypoint: string) => {
    const own = exports[entrypoint] as { cache?: { enabled?: boolean } } | undefined
    return own?.cache?.enabled ?? cache?.enabled ?? false
  }
  if (isOn('default')) {
    const detail =
      'Workers Cache is on for the default entrypoint, where it answers before anyone is authorized'
    return [{ name, status: 'failed', detail, fix: 'write cache = { enabled = false } in [exports.default]' }]
  }
  const { edgeCacheSeconds: seconds, mediaAccess } = config
  if (seconds === 0) return []
  if (mediaAccess !== 'public') {
    const detail = `MEDIA_EDGE_CACHE_SECONDS has no effect: with MEDIA_ACCESS = "${mediaAccess}", nothing is cached`
    return [{ name, status: 'warning', detail, fix: 'remove it' }]
  }
  if (isOn('Media')) return [{ name, status: 'ok', detail: `Workers Cache, for ${seconds} s` }]
  const detail = `the Cache API, for ${seconds} s: a change is purged only at the location where it is made`
  return [
    {
      name,
      status: 'warning',
      detail,
      fix: "for Workers Cache, add [cache] and [exports] as in the project's wrangler.toml",
    },
  ]
}
