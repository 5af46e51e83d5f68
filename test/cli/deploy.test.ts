import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createCli, type RunOptions } from './run.ts'

/** Reads files like wrangler, and only writes down what it would do at Cloudflare. */
const FAKE_WRANGLER = `
const { appendFileSync } = require('node:fs')
if (require.main !== module) module.exports = require(${JSON.stringify(createRequire(import.meta.url).resolve('wrangler'))})
else {
  const [command] = process.argv.slice(2)
  appendFileSync('calls.ndjson', JSON.stringify(process.argv.slice(2)) + '\\n')
  if (command === 'secret') {
    if (process.env.FAKE_ERROR) {
      console.error('\\u001b[31m✘ [ERROR]\\u001b[0m ' + process.env.FAKE_ERROR)
      process.exit(1)
    }
    console.log(process.env.FAKE_SECRETS ?? '[{"name":"API_TOKEN","type":"secret_text"}]')
  } else if (process.env.FAKE_EXIT) process.exit(Number(process.env.FAKE_EXIT))
  else if (!process.argv.includes('--dry-run')) {
    const targets = ['https://media.me.workers.dev', 'media.museum.org (custom domain)', 'museum.org/media/* (zone name: museum.org)', 'Producer for copies', 'schedule: 17 3 * * *']
    appendFileSync(process.env.WRANGLER_OUTPUT_FILE_PATH, [{ type: 'wrangler-session' }, { type: 'deploy', version_id: '1a2b', targets }].map((entry) => JSON.stringify(entry) + '\\n').join(''))
  }
}`

const GOOD = `name = "media"
main = "index.js"
compatibility_date = "2026-10-01"
assets = { directory = ".", binding = "ASSETS", run_worker_first = true }
r2_buckets = [{ binding = "MEDIA", bucket_name = "media" }]

[vars]
FALLBACK_STORAGES = [{ type = "r2", binding = "MEDIA" }]
MEDIA_PATH = "/media/"

[env.staging]
r2_buckets = [{ binding = "MEDIA", bucket_name = "media-staging" }]
vars.FALLBACK_STORAGES = [{ type = "r2", binding = "MEDIA" }]
`

let project: string

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'deploy-'))
  await mkdir(join(project, 'node_modules/wrangler'), { recursive: true })
  await writeFile(join(project, 'node_modules/wrangler/index.js'), FAKE_WRANGLER)
})

afterAll(() => rm(project, { recursive: true, force: true }))

const cli = createCli('')

/** What was printed, and what wrangler was called with. */
async function deploy(args: string[], { toml = GOOD, ...options }: { toml?: string } & RunOptions = {}) {
  await writeFile(join(project, 'wrangler.toml'), toml)
  await writeFile(join(project, 'calls.ndjson'), '')
  const ran = await cli(['deploy', ...args], { cwd: project, ...options })
  const lines = (await readFile(join(project, 'calls.ndjson'), 'utf8')).split('\n').filter(Boolean)
  return { ...ran, calls: lines.map((line) => JSON.parse(line) as string[]) }
}

it('checks, deploys, and prints where media and dashboard are and how to go back', async () => {
  const { code, stdout, stderr, calls } = await deploy(['--message', 'New bucket'], { spawned: true })
  expect([code, stderr]).toEqual([0, ''])
  expect(calls).toEqual([
    ['secret', 'list', '--format', 'json', '--config', join(project, 'wrangler.toml')],
    ['deploy', '--env', '', '--message', 'New bucket'],
  ])
  expect(stdout).toContain('✓ secrets        API_TOKEN')
  expect(stdout.slice(stdout.indexOf('Media:'))).toBe(
    `Media:      https://media.me.workers.dev/media/
Dashboard:  https://media.me.workers.dev/media/-/
Media:      https://media.museum.org/media/
Dashboard:  https://media.museum.org/media/-/
Media:      https://museum.org/media/
Dashboard:  https://museum.org/media/-/
Check it:   fallback-storage doctor --url https://media.me.workers.dev/media/
Go back:    npx wrangler rollback   (this is version 1a2b)
`,
  )
})

it('deploys an environment, which it takes from CLOUDFLARE_ENV, too', async () => {
  for (const given of [
    await deploy(['--env', 'staging']),
    await deploy([], { env: { CLOUDFLARE_ENV: 'staging' } }),
  ]) {
    const { stdout, calls } = given
    expect(stdout).toContain('[env.staging], the Worker media-staging')
    expect(stdout).toContain('npx wrangler rollback --env staging ')
    expect(calls[0]?.slice(-2)).toEqual(['--env', 'staging'])
    expect(calls[1]).toEqual(['deploy', '--env', 'staging'])
  }
})

it('deploys nothing with --dry-run', async () => {
  const { code, stdout, stderr, calls } = await deploy(['--dry-run'])
  expect(calls[1]).toEqual(['deploy', '--env', '', '--dry-run'])
  expect([code, stderr]).toEqual([0, 'Nothing was deployed.\n'])
  expect(stdout).not.toContain('Media:')
})

it('stops if a check fails', async () => {
  const { code, stderr, calls } = await deploy([], { toml: GOOD.replaceAll('type = "r2"', 'type = "r3"') })
  expect([code, stderr]).toEqual([1, 'error: not deployed: a check failed, see ✗ above\n'])
  expect(calls.map(([command]) => command)).toEqual(['secret'])
})

it.each([
  ["it's necessary to set a CLOUDFLARE_API_TOKEN environment variable", 'is not known: not logged in'],
  ['A request to the Cloudflare API failed.', 'wrangler secret list failed: A request to the Cloudflare API'],
])('deploys all the same if the secrets cannot be listed: %s', async (error, says) => {
  const { code, stdout, calls } = await deploy([], { env: { FAKE_ERROR: error } })
  expect(stdout).toContain(says)
  expect(calls).toHaveLength(2)
  expect(code).toBe(0)
})

it('knows that a Worker that does not exist yet has no secrets', async () => {
  const env = { FAKE_ERROR: 'This Worker does not exist on your account. [code: 10007]' }
  const { stdout } = await deploy([], { env })
  expect(stdout).toContain('! secrets        there is no token')
})

it('does not know the secrets if wrangler prints something else', async () => {
  const { code, stdout, stderr } = await deploy([], { env: { FAKE_SECRETS: 'A new version is available' } })
  expect(stdout).toContain('? secrets        which secrets the Worker has is not known')
  expect([code, stderr]).toEqual([0, ''])
})

it('fails if wrangler does', async () => {
  const { code, stderr } = await deploy([], { env: { FAKE_EXIT: '3' } })
  expect([code, stderr]).toEqual([1, ''])
})

it('exits with 130 if wrangler was interrupted', async () => {
  expect((await deploy([], { env: { FAKE_EXIT: '130' } })).code).toBe(130)
})

it('prints no JSON', async () => {
  expect((await deploy(['--json'])).code).toBe(2)
})
