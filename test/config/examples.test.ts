import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unstable_readConfig, type Unstable_Config } from 'wrangler'

const root = new URL('../../', import.meta.url)
/** The Worker's address in the docs. */
const WORKER_URL = 'https://media.example.com/'

interface Parsed {
  backends: readonly { name: string; type: string }[]
  migration: boolean
}

let parseConfig: (env: Record<string, unknown>) => Parsed
let hostWarnings: (config: Parsed & { mediaUrl: string }, requestUrl: string) => unknown[]
let folder: string
let project: Unstable_Config

beforeAll(async () => {
  // By their URLs: the Worker's types are not Node's.
  const load = (path: string): Promise<never> => import(new URL(path, root).href) as Promise<never>
  ;({ hostWarnings, parseConfig } = await load('src/config/config.ts'))
  folder = await mkdtemp(join(tmpdir(), 'examples-'))
  project = await read(await text('wrangler.toml'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

function text(path: string): Promise<string> {
  return readFile(new URL(path, root), 'utf8')
}

async function examplesIn(markdown: string): Promise<string[]> {
  return Array.from((await text(markdown)).matchAll(/^```toml\n(.*?)^```/gms), ([, toml]) => toml ?? '')
}

/** Parses the content of a wrangler.toml like wrangler. */
async function read(toml: string): Promise<Unstable_Config> {
  const path = join(folder, 'wrangler.toml')
  await writeFile(path, toml)
  const {
    configPath: _,
    userConfigPath: __,
    topLevelName: ___,
    ...config
  } = unstable_readConfig({ config: path })
  return config as Unstable_Config
}

/** A single backend table is used as the last one of a chain. */
function inChain(example: string): string {
  if (!example.startsWith('{')) return example
  return `[vars]\nFALLBACK_STORAGES = [{ type = "r2", binding = "MEDIA" }, ${example.trim()}]`
}

/** The Worker's env: the variables, bindings with their methods, and the secrets that the document says to set. */
function envOf(config: Unstable_Config, document: string): Record<string, unknown> {
  const act = () => undefined
  const secrets =
    document.match(/\b(?:[A-Z]+_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|AUTHORIZATION)|API_TOKEN)\b/g) ?? []
  return {
    ...config.vars,
    ...Object.fromEntries(secrets.map((name) => [name, 'a-secret'])),
    ...Object.fromEntries(
      (document.match(/\b[A-Z]+_BASIC_AUTH\b/g) ?? []).map((name) => [name, 'user:a-secret']),
    ),
    ...Object.fromEntries(
      config.r2_buckets.map(({ binding }) => [binding, { get: act, put: act, createMultipartUpload: act }]),
    ),
    ...Object.fromEntries(
      config.kv_namespaces.map(({ binding }) => [binding, { getWithMetadata: act, put: act }]),
    ),
    ...Object.fromEntries(
      (config.queues.producers ?? []).map(({ binding }) => [binding, { send: act, sendBatch: act }]),
    ),
    ...Object.fromEntries(
      config.durable_objects.bindings.map(({ name }) => [name, { idFromName: act, get: act }]),
    ),
  }
}

describe.each(['README.md', 'docs/configuration.md', 'docs/development.md'])(
  'the examples in %s',
  (markdown) => {
    it('are used unchanged, and none leads back to the Worker', async () => {
      const examples = await examplesIn(markdown)
      expect(examples.length).toBeGreaterThan(1)
      for (const example of examples) {
        const { r2_buckets: own, ...config } = await read(inChain(example))
        const r2_buckets = own.length > 0 ? own : project.r2_buckets
        const parsed = parseConfig(envOf({ ...config, r2_buckets }, await text(markdown)))
        expect(parsed.backends.length).toBeGreaterThan(1)
        expect([example, hostWarnings({ ...parsed, mediaUrl: WORKER_URL }, WORKER_URL)]).toEqual([
          example,
          [],
        ])
      }
    })
  },
)

describe('the two complete examples in docs/configuration.md', () => {
  const complete = async () =>
    (await examplesIn('docs/configuration.md')).filter((toml) => toml.includes('main ='))

  it('are complete files with everything that their Worker uses', async () => {
    const examples = await complete()
    expect(examples).toHaveLength(2)
    for (const example of examples) {
      const config = await read(example)
      const { backends, migration } = parseConfig(envOf(config, await text('docs/configuration.md')))
      expect(backends.map(({ type }) => type)).toEqual(['r2', migration ? 's3' : 'http'])
      for (const key of [
        'name',
        'main',
        'compatibility_date',
        'compatibility_flags',
        'minify',
        'assets',
        'r2_buckets',
      ] as const)
        expect([key, config[key]]).toEqual([key, project[key]])
    }
  })

  it('have the queue and the jobs if objects are copied', async () => {
    const moving = (await complete()).filter((toml) => toml.includes('FALLBACK_DATA_MIGRATION = true'))
    expect(moving).toHaveLength(1)
    const config = await read(moving[0] ?? '')
    for (const key of ['queues', 'durable_objects', 'migrations'] as const)
      expect([key, config[key]]).toEqual([key, project[key]])
  })
})
