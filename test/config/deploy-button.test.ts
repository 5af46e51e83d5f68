import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { unstable_readConfig, type Unstable_Config } from 'wrangler'
import { boundNames } from '../../src/cli/check-config/stand-ins.ts'

const root = new URL('../../', import.meta.url)
const text = (path: string) => readFile(new URL(path, root), 'utf8')
const config: Unstable_Config = unstable_readConfig({ config: new URL('wrangler.toml', root).pathname })

// https://developers.cloudflare.com/workers/platform/deploy-buttons/
it('has a description of every binding, variable and secret', async () => {
  const { cloudflare } = JSON.parse(await text('package.json')) as {
    cloudflare: { bindings: Record<string, { description: string }> }
  }
  const secrets = (await text('.dev.vars.example')).matchAll(/^#? ?([A-Z][A-Z\d_]*)=/gm)
  const names = [
    ...Object.keys(boundNames(config)),
    ...Object.keys(config.vars),
    ...Array.from(secrets, ([, name = '']) => name).filter((name) => !name.startsWith('LEGACY_')),
  ]
  expect(names).toContain('URL_SIGNING_KEYS')
  expect(names.filter((name) => !cloudflare.bindings[name]?.description)).toEqual([])
  // Variables that are only in comments are described, too.
  const known = [...names, 'S3_BUCKET']
  expect(Object.keys(cloudflare.bindings).filter((name) => !known.includes(name))).toEqual([])
})

it('has a default for every name and id', () => {
  const defaults = [
    ...config.r2_buckets.map(({ bucket_name }) => bucket_name),
    ...config.kv_namespaces.map(({ id }) => id),
    ...(config.queues.producers ?? []).map(({ queue }) => queue),
    config.name,
    config.main,
  ]
  expect(defaults.every((name) => typeof name === 'string' && name !== '')).toBe(true)
})

it('asks for no secret that has a value, which everyone who accepts it would share', async () => {
  const lines = (await text('.dev.vars.example')).split('\n').filter((line) => /^[A-Z]/.test(line))
  expect(lines).toEqual(['API_TOKEN=""'])
})
