import { type Config, hostWarnings } from '../../config/config.ts'
import type { BackendConfig } from '../../config/backend-config.ts'
import type { Check } from '../checks.ts'
import type { ConfigFile } from './config-file.ts'
import type { WranglerConfig } from './stand-ins.ts'

/** Valid settings of single backends that do something else than what is wanted. */
export function checkBackends({ config: wrangler }: ConfigFile, config: Config): Check[] {
  const hosts = routedHosts(wrangler)
  const warnings = hostWarnings(config, 'https://localhost')
  const storages = config.backends.map((backend) => storageOf(backend, wrangler))
  const checks = config.backends.flatMap((backend, index): Check[] => {
    const { name, prefix } = backend
    const key = backend.type === 's3' ? 'endpoint' : 'url'
    const url = addressOf(backend)
    const checks: Check[] = []
    const report = (status: Check['status'], detail: string, fix: string) =>
      checks.push({ name, status, detail, fix })
    if (url && /(^|\.)example(\.(com|net|org))?$/.test(url.hostname))
      report(
        'failed',
        `\`${key}\` is an example: ${url.hostname} serves no files`,
        `write the server's own address`,
      )
    if (url && hosts.includes(url.host))
      report(
        'failed',
        `\`${key}\` is the address of this Worker (${url.host}), so the backend leads back to it`,
        'write the address of the server that holds the files',
      )
    else if (
      url?.protocol === 'http:' &&
      !isPrivate(url.hostname) &&
      !warnings.some(({ backend }) => backend === name)
    )
      report(
        'warning',
        `\`${key}\` begins with http://, so everything is sent unencrypted`,
        'write https:// if the server can',
      )
    if (prefix !== '' && !prefix.endsWith('/'))
      report(
        'warning',
        `\`prefix\` does not end with "/": the key of a.jpg is "${prefix}a.jpg"`,
        `if it is a folder, write "${prefix}/"`,
      )
    const same = storages.indexOf(storages[index])
    if (storages[index] !== undefined && same < index)
      report(
        'warning',
        `is the same storage as ${config.backends[same]?.name}, so it cannot have an object that is missing there`,
        'name another one, or remove the backend',
      )
    return checks
  })
  const failed = new Set(checks.filter(({ status }) => status === 'failed').map(({ name }) => name))
  const others = warnings
    .filter(({ backend }) => !failed.has(backend))
    .map(({ backend, detail }): Check => ({ name: backend, status: 'warning', detail }))
  return [...checks, ...others]
}

function addressOf(backend: BackendConfig): URL | undefined {
  if (backend.type === 's3') return new URL(backend.endpoint)
  if (backend.type !== 'http' || backend.binding !== undefined || backend.url === undefined) return undefined
  return new URL(backend.url)
}

/** Such hosts are only reached in development, or in a network of one's own. */
function isPrivate(hostname: string): boolean {
  return /^(localhost|.+\.localhost|[\d.]+|\[.+\])$/.test(hostname)
}

/** The same for two backends that hold the same objects; not known where filters divide them. */
function storageOf(backend: BackendConfig, wrangler: WranglerConfig): string | undefined {
  const { prefix, include, exclude } = backend
  if (include || exclude) return undefined
  if (backend.type === 'r2') {
    const bucket = wrangler.r2_buckets.find(({ binding }) => binding === backend.binding)?.bucket_name
    return bucket && `r2 ${bucket}/${prefix}`
  }
  if (backend.type === 'kv') return `kv ${backend.binding}/${prefix}`
  const url = addressOf(backend)
  if (backend.type !== 's3') return url && `http ${url.href}${prefix}`
  const isR2 = url?.hostname.endsWith('.r2.cloudflarestorage.com')
  return isR2 ? `r2 ${backend.bucket}/${prefix}` : `s3 ${url?.href} ${backend.bucket}/${prefix}`
}

/** The hosts of the Worker's own routes and custom domains. */
function routedHosts({ routes = [], route }: WranglerConfig): string[] {
  return [...routes, ...(route === undefined ? [] : [route])].map((given) => {
    const pattern = typeof given === 'string' ? given : given.pattern
    return pattern.replace(/^https?:\/\//, '').split('/')[0] ?? ''
  })
}
