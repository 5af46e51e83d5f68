import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unstable_readConfig } from 'wrangler'
import { checkConfig } from '../../src/cli/check-config/check-config.ts'
import type { DeployedSecrets } from '../../src/cli/check-config/secrets.ts'
import { COPY_RETRIES, OBJECTS } from '../../src/cli/check-config/services.ts'
import type { Check } from '../../src/cli/checks.ts'
import { BEGINNERS_MISTAKES, legacy, varsOf } from '../config-mistakes/beginners.ts'
import { createCli } from './run.ts'

const PROJECT = new URL('../../', import.meta.url)
const SECRETS = ['API_TOKEN', 'LEGACY_ACCESS_KEY_ID', 'LEGACY_SECRET_ACCESS_KEY']

let folder: string
/** The project's own file without its KV namespace and environments: nothing in it is a mistake. */
let good: Record<string, unknown>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'doctor-config-'))
  const { configPath: _, kv_namespaces: __, vars: ___, ...config } = readProject()
  const names = ['name', 'main', 'compatibility_date', 'assets', 'r2_buckets', 'queues', 'triggers']
  good = Object.fromEntries(
    [...names, 'durable_objects', 'migrations', 'cache', 'exports'].map((name) => [name, config[name]]),
  )
})

afterAll(() => rm(folder, { recursive: true, force: true }))

function readProject(env?: string): Record<string, unknown> {
  return unstable_readConfig({ config: new URL('wrangler.toml', PROJECT).pathname, env }) as never
}

interface Given {
  /** Of wrangler.json, or the text of wrangler.toml. */
  file: Record<string, unknown> | string
  secrets?: DeployedSecrets
  devVars?: string
  environment?: string | undefined
}

async function check({ file, secrets = { names: SECRETS }, devVars, environment }: Given): Promise<Check[]> {
  const path = join(folder, typeof file === 'string' ? 'wrangler.toml' : 'wrangler.json')
  await writeFile(path, typeof file === 'string' ? file : JSON.stringify(file))
  await writeFile(join(folder, '.dev.vars'), devVars ?? '')
  return Array.fromAsync(checkConfig({ file: path, environment, listSecrets: async () => secrets }))
}

const withVars = (vars: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  ...good,
  vars: { FALLBACK_STORAGES: [{ type: 'r2', binding: 'MEDIA' }, legacy], ...vars },
  ...more,
})
const problems = (checks: readonly Check[]) => checks.filter(({ status }) => status !== 'ok')
const text = ({ detail, fix = '' }: Check) => `${detail}\n${fix}`

it('warns of secrets that are sent unencrypted, whatever else is wrong with the backend', async () => {
  const old = { type: 'http', name: 'old', url: 'http://93.184.216.34/', headers: { 'X-Key': '$OLD_KEY' } }
  const FALLBACK_STORAGES = [
    { type: 'r2', binding: 'MEDIA' },
    { ...old, prefix: 'media' },
  ]
  const checks = await check({
    file: withVars({ FALLBACK_STORAGES }),
    secrets: { names: [...SECRETS, 'OLD_KEY'] },
  })
  expect(problems(checks).map(text)).toEqual([
    expect.stringContaining('does not end with "/"'),
    expect.stringContaining('the secrets in them, are sent unencrypted'),
  ])
})

describe('a good configuration', () => {
  it('has no problem', async () => {
    const checks = await check({ file: withVars({ FALLBACK_DATA_MIGRATION: true }) })
    expect(problems(checks)).toEqual([])
    expect(checks.map(({ name }) => name)).toEqual([
      'file',
      'configuration',
      'secrets',
      'chain',
      'services',
      'plan',
    ])
  })

  it('of the project lacks only the id of its KV namespace, in every environment', async () => {
    for (const environment of [undefined, 'staging']) {
      const file = await readFile(new URL('wrangler.toml', PROJECT), 'utf8')
      const [problem, ...others] = problems(await check({ file, environment }))
      expect(problem).toMatchObject({ name: 'MEDIA_KV', status: 'failed' })
      expect(others).toEqual([])
    }
  })

  it('may have everything that is for development', async () => {
    const production = {
      type: 'http',
      name: 'production',
      url: 'https://www.museum.org/media/',
      basic_auth: 'PRODUCTION_BASIC_AUTH',
      rewrite: [['-\\d+x\\d+(\\.\\w+)$', '$1']],
    }
    const shown = { ...legacy, redirect: true }
    const FALLBACK_STORAGES = [{ type: 'r2', binding: 'MEDIA' }, production, shown, { type: 'placeholder' }]
    const names = [...SECRETS, 'PRODUCTION_BASIC_AUTH']
    const checks = await check({ file: withVars({ FALLBACK_STORAGES }), secrets: { names } })
    expect(problems(checks)).toEqual([])
    expect(checks.find(({ name }) => name === 'plan')?.detail).toContain(
      'up to 3 requests to other servers, 13 with redirects',
    )
  })

  it('is what the documentation shows, except for its example addresses', async () => {
    const markdown = await readFile(new URL('docs/configuration.md', PROJECT), 'utf8')
    const complete = Array.from(markdown.matchAll(/^```toml\n(name = .*?)^```/gms), ([, toml = '']) => toml)
    expect(complete).toHaveLength(2)
    for (const file of complete) {
      const checks = await check({ file })
      expect(problems(checks).filter(({ detail }) => !detail.includes('is an example'))).toEqual([])
    }
  })
})

describe('a beginner’s mistake is one message, with the fix', () => {
  it.each(BEGINNERS_MISTAKES)('$title', async (mistake) => {
    const { withoutSecrets = [], says, status = 'failed' } = mistake
    const names = SECRETS.filter((name) => !withoutSecrets.includes(name))
    const file = { ...good, vars: varsOf(mistake), ...mistake.file }
    const [problem, ...others] = problems(await check({ file, secrets: { names } }))
    expect(others).toEqual([])
    expect(problem?.status).toBe(status)
    for (const part of says) expect(text(problem!)).toContain(part)
  })
})

describe('the file', () => {
  const TOML = 'name = "media"\nmain = "index.ts"\ncompatibility_date = "2026-10-01"\n'
  it.each([
    ['a syntax error', `${TOML}[vars]\nA = "x\n`, 'line 5: A = "x'],
    ['a key given twice', `${TOML}name = "b"\n`, 'line 4: name = "b"'],
    ['a mistyped section', `${TOML}[[r2_bucket]]\nbinding = "MEDIA"\n`, 'did you mean r2_buckets?'],
    ['a variable at the top level', `${TOML}FALLBACK_STORAGES = []\n`, 'move it below [vars]'],
    ['what wrangler refuses', `${TOML}[[r2_buckets]]\nbinding = 1\n`, 'should have a string "binding" field'],
    [
      'a name for two bindings',
      `${TOML}[[r2_buckets]]\nbinding = "A"\nbucket_name = "aaa"\n[[kv_namespaces]]\nbinding = "A"\n`,
      'A assigned to KV Namespace and R2 Bucket bindings',
    ],
  ])('has one problem: %s', async (_, file, says) => {
    const checks = await check({ file })
    expect(checks).toMatchObject([{ name: 'file', status: 'failed' }])
    expect(text(checks[0]!)).toContain(says)
  })

  it('may be missing', async () => {
    const checks = await Array.fromAsync(checkConfig({ file: join(folder, 'nowhere.toml') }))
    expect(checks).toMatchObject([{ name: 'file', status: 'failed' }])
    expect(checks[0]?.detail).toContain('nowhere.toml')
  })

  it('has no such environment', async () => {
    const file = withVars({}, { env: { staging: {} } })
    const [problem] = await check({ file, environment: 'stagign' })
    expect(text(problem!)).toContain('there is no [env.stagign]; did you mean `staging`?')
  })
})

describe('an environment', () => {
  it('needs variables and bindings of its own', async () => {
    const [problem, ...others] = await check({
      file: withVars({}, { env: { staging: {} } }),
      environment: 'staging',
    })
    expect(others).toEqual([])
    expect(text(problem!)).toContain('repeat them below [env.staging]')
    expect(text(problem!)).toContain('vars, r2_buckets, assets, queues, durable_objects')
  })

  it('should not share what it writes to with the top level, nor lack what that has', async () => {
    const { vars, r2_buckets } = withVars({}) as never
    const file = withVars({}, { env: { staging: { vars, r2_buckets } } })
    const found = problems(await check({ file, environment: 'staging' })).filter(
      ({ name }) => name === 'environment',
    )
    expect(found.map(text).join('\n')).toContain('[env.staging] lacks COPY_QUEUE (queues), BACKFILL_JOBS')
    expect(found.map(text).join('\n')).toContain('the bucket media is also that of the top level')
  })

  it('of the project has the bindings and variables of the top level', () => {
    const pick = (env?: string) => {
      const { vars, r2_buckets, kv_namespaces, queues, durable_objects, migrations, assets, cache, exports } =
        readProject(env) as never
      const own = {
        vars,
        r2_buckets,
        kv_namespaces,
        queues,
        durable_objects,
        migrations,
        assets,
        cache,
        exports,
      }
      // Only the names of resources differ.
      return JSON.parse(JSON.stringify(own).replaceAll(/-staging/g, '')) as unknown
    }
    expect(pick('staging')).toEqual(pick())
    expect(readProject('staging')['name']).toBe('fallback-storage-staging')
  })
})

describe('secrets', () => {
  const loggedOut = { unknown: 'not logged in (npx wrangler login)' }

  it('are never ok if they cannot be listed, and those that are set nowhere are named', async () => {
    const file = withVars({})
    const checks = problems(await check({ file, secrets: loggedOut, devVars: 'LEGACY_ACCESS_KEY_ID=a' }))
    expect(checks).toMatchObject([{ name: 'secrets', status: 'not_checked' }])
    expect(checks[0]?.detail).toContain(
      'whether the Worker has LEGACY_ACCESS_KEY_ID, LEGACY_SECRET_ACCESS_KEY is not known: not logged in',
    )
    expect(checks[0]?.fix).toBe(
      'if you have not set them yet: npx wrangler secret put LEGACY_SECRET_ACCESS_KEY',
    )
  })

  it('in .dev.vars are checked as the Worker checks them', async () => {
    const [problem] = problems(
      await check({ file: withVars({}), secrets: loggedOut, devVars: 'API_TOKENS="no JSON: hush-hush"' }),
    )
    expect(problem?.detail).toContain('API_TOKENS: is not valid JSON')
    expect(problem?.detail).not.toContain('hush')
  })

  it('in [vars] are an error', async () => {
    const [problem, ...others] = problems(await check({ file: withVars({ API_TOKEN: 'hush-hush' }) }))
    expect(others).toEqual([])
    expect(text(problem!)).toContain('API_TOKEN is a secret, but is in [vars]')
    expect(text(problem!)).not.toContain('hush')
  })

  it('with which nobody can write are a warning', async () => {
    const names = SECRETS.filter((name) => name !== 'API_TOKEN')
    const found = problems(await check({ file: withVars({}), secrets: { names } }))
    expect(found).toMatchObject([{ status: 'warning', fix: 'npx wrangler secret put API_TOKEN' }])
  })
})

describe('what only the file shows', () => {
  const queue = 'fallback-storage-copies'
  const producers = [{ binding: 'COPY_QUEUE', queue }]
  const consumer = { queue, max_retries: COPY_RETRIES, dead_letter_queue: 'dead-copies' }
  const object = (name: string, className: string) => ({
    durable_objects: { bindings: [{ name, class_name: className }] },
  })
  const route = { routes: [{ pattern: 'media.museum.org', custom_domain: true }] }
  const at = (url: string) => ({
    FALLBACK_STORAGES: [
      { type: 'r2', binding: 'MEDIA' },
      { type: 'http', name: 'old', url },
    ],
  })

  it.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ['a queue that nothing consumes', {}, { queues: { producers } }, 'nothing consumes the queue'],
    [
      'no dead-letter queue',
      {},
      { queues: { producers, consumers: [{ queue, max_retries: COPY_RETRIES }] } },
      'no dead-letter queue',
    ],
    [
      'a dead-letter queue of another name',
      {},
      { queues: { producers, consumers: [{ ...consumer, dead_letter_queue: 'lost' }] } },
      'does not end in "dead-copies"',
    ],
    [
      'a dead-letter queue that nothing consumes',
      {},
      { queues: { producers, consumers: [consumer] } },
      'nothing consumes its dead-letter queue "dead-copies"',
    ],
    [
      'other retries',
      {},
      { queues: { producers, consumers: [{ ...consumer, max_retries: 3 }, { queue: 'dead-copies' }] } },
      'write max_retries = 8',
    ],
    [
      'a class without a migration',
      {},
      { migrations: [] },
      'none creates BackfillJob, VerificationJob, JobIndex',
    ],
    ['another class', {}, object('JOB_INDEX', 'BackfillJob'), 'write class_name = "JobIndex"'],
    ['an unknown class', {}, object('JOBS', 'BackfilJob'), 'did you mean `BackfillJob`?'],
    ['no cron', {}, { triggers: { crons: [] } }, 'add [triggers] with crons'],
    ['no assets', {}, { assets: undefined }, 'the dashboard answers 404'],
    [
      'assets before the Worker',
      {},
      { assets: { directory: 'src/assets', binding: 'ASSETS' } },
      'write run_worker_first = true',
    ],
    [
      'no queue for copies',
      { FALLBACK_DATA_MIGRATION: true },
      { queues: {} },
      'without copies of large objects in the background (COPY_QUEUE)',
    ],
    [
      'a cache before authorization',
      {},
      { exports: { default: { type: 'worker', cache: { enabled: true } } } },
      'answers before anyone is authorized',
    ],
    [
      'a cache without Workers Cache',
      { MEDIA_EDGE_CACHE_SECONDS: 60 },
      { cache: undefined, exports: {} },
      'the Cache API, for 60 s',
    ],
    [
      'a cache of private media',
      { MEDIA_EDGE_CACHE_SECONDS: 60, MEDIA_ACCESS: 'token' },
      {},
      'nothing is cached',
    ],
    ['its own address', at('https://media.museum.org/old/'), route, 'is the address of this Worker'],
    ['an example', at('https://www.example.com/media/'), {}, 'is an example'],
    [
      'one storage twice',
      {
        FALLBACK_STORAGES: [
          { type: 'r2', binding: 'MEDIA' },
          { ...legacy, endpoint: `https://${'0'.repeat(32)}.r2.cloudflarestorage.com`, bucket: 'media' },
        ],
      },
      {},
      'is the same storage as media',
    ],
    ['a long variable', { NOTE: 'x'.repeat(6000) }, {}, 'Cloudflare allows 5120 for a variable'],
    ['a limit of the Paid plan', {}, { limits: { cpu_ms: 100 } }, 'the Free plan refuses'],
    [
      'many servers',
      {
        FALLBACK_STORAGES: [
          { type: 'r2', binding: 'MEDIA' },
          ...Array.from({ length: 9 }, (_, index) => ({
            type: 'http',
            name: `old${index}`,
            url: `https://old${index}.museum.org/`,
          })),
        ],
      },
      {},
      "up to 9 requests to other servers, 54 with redirects; Cloudflare's Free plan allows 50",
    ],
    ['a placeholder of an account', {}, { account_id: 'your-account-id' }, 'npx wrangler whoami'],
    [
      'an unused namespace',
      {},
      { kv_namespaces: [{ binding: 'MEDIA_KV', id: 'media-kv' }] },
      'no backend uses it: remove it',
    ],
  ])('is one problem: %s', async (_, vars, file, says) => {
    const [problem, ...others] = problems(await check({ file: withVars(vars, file) }))
    expect(others).toEqual([])
    expect(text(problem!)).toContain(says)
  })
})

it('knows the Durable Objects and the queue of the project', () => {
  const { durable_objects: objects, queues } = unstable_readConfig({
    config: new URL('wrangler.toml', PROJECT).pathname,
  })
  expect(objects.bindings).toEqual(
    Object.entries(OBJECTS).map(([name, { className: class_name }]) => ({ name, class_name })),
  )
  expect(queues.consumers?.[0]?.max_retries).toBe(COPY_RETRIES)
})

describe('the command', () => {
  const cli = createCli('')

  it('prints a line for each check, and exits with 1 if one failed', async () => {
    const path = join(folder, 'wrangler.toml')
    await writeFile(path, 'name = "x"\nFALLBACK_STORAGES = []\n')
    const { code, stdout } = await cli(['doctor', '--config', path])
    expect(stdout).toMatch(
      /^✗ file {11}FALLBACK_STORAGES is at the top level.*\n {17}→ move it below \[vars\]\n$/,
    )
    expect(code).toBe(1)
    const json = await cli(['doctor', '--config', path, '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, checks: [{ name: 'file', status: 'failed' }] })
    expect(json.code).toBe(1)
  })

  it('takes --env only with --config', async () => {
    expect((await cli(['doctor', '--env', 'staging'])).code).toBe(2)
  })
})
