import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unstable_readConfig, type Unstable_Config } from 'wrangler'
import { fences, markdownFiles, readMarkdown } from '../../scripts/docs/markdown.ts'

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
  return fences(await text(markdown))
    .filter(({ language }) => language === 'toml')
    .map(({ code }) => code)
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

const CHAIN =
  'FALLBACK_STORAGES = [{ type = "r2", binding = "MEDIA" }, { type = "http", url = "https://old.example/" }]'

/** Completes a part of a file: a single backend table is the last one of a chain, and other settings have a chain. */
function complete(example: string): string {
  if (example.startsWith('{'))
    return `[vars]\n${CHAIN.replace(/, \{.*/, () => `, ${example.trim().replace(/,$/, '')}]`)}`
  const variables = /^(FALLBACK|MEDIA|S3)_\w+ = /.test(example) ? `[vars]\n${example}` : example
  if (example.includes('FALLBACK_STORAGES')) return variables
  const hasTable = /^\[vars\]/m.test(variables)
  return hasTable ? variables.replace(/^\[vars\]/m, `[vars]\n${CHAIN}`) : `${variables}\n[vars]\n${CHAIN}`
}

/** Whether it is a file of its own, not a part of the project's. */
function isComplete({ main }: Unstable_Config): boolean {
  return main !== undefined
}

/** A part of a file, with the bindings of the project's. */
function inProject(config: Unstable_Config): Unstable_Config {
  if (isComplete(config)) return config
  const { queues, durable_objects, kv_namespaces } = project
  const r2_buckets = [...config.r2_buckets, ...project.r2_buckets]
  return { ...config, r2_buckets, queues, durable_objects, kv_namespaces }
}

/** The secrets that a document says to set, or that an example's `credentials` stand for. */
function secretsIn(document: string): string[] {
  const named = document.match(
    /\b(?:[A-Z]+_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|AUTHORIZATION|BASIC_AUTH)|API_TOKEN)\b/g,
  )
  const basic = Array.from(document.matchAll(/basic_auth = "(\w+)"/g), ([, name]) => name ?? '')
  const meant = Array.from(document.matchAll(/credentials = "(\w+)"/g), ([, prefix]) => prefix)
  return [
    ...(named ?? []),
    ...basic,
    ...meant.flatMap((prefix) => [`${prefix}_ACCESS_KEY_ID`, `${prefix}_SECRET_ACCESS_KEY`]),
  ]
}

/** The Worker's env: the variables, bindings with their methods, and secrets. */
function envOf(config: Unstable_Config, secrets: readonly string[]): Record<string, unknown> {
  const act = () => undefined
  return {
    ...config.vars,
    ...Object.fromEntries(
      secrets.map((name) => [name, name.endsWith('_BASIC_AUTH') ? 'user:a-secret' : 'a-secret']),
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

const PAGES = markdownFiles().filter((path) => readMarkdown(path).includes('```toml'))

describe.each(PAGES)('the examples in %s', (markdown) => {
  it('are used unchanged, and none leads back to the Worker', async () => {
    const examples = await examplesIn(markdown)
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) {
      const config = inProject(await read(complete(example)))
      const secrets = secretsIn(
        markdown === 'README.md' || isComplete(config) ? await text(markdown) : example,
      )
      const parsed = parseConfig(envOf(config, secrets))
      expect(parsed.backends.length).toBeGreaterThan(0)
      expect([example, hostWarnings({ ...parsed, mediaUrl: WORKER_URL }, WORKER_URL)]).toEqual([example, []])
    }
  })
})

describe('the two complete examples in docs/configuration.md', () => {
  const complete = async () =>
    (await examplesIn('docs/configuration.md')).filter((toml) => toml.includes('main ='))

  it('are complete files with everything that their Worker uses', async () => {
    const examples = await complete()
    expect(examples).toHaveLength(2)
    for (const example of examples) {
      const config = await read(example)
      const { backends, migration } = parseConfig(
        envOf(config, secretsIn(await text('docs/configuration.md'))),
      )
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
