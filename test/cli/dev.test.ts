import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { packagedWorker } from '../../src/cli/packaged-worker.ts'
import { findWrangler } from '../../src/cli/wrangler.ts'
import { createCli } from './run.ts'

const PACKAGE = fileURLToPath(new URL('../../', import.meta.url))

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dev-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

it('does not run without a configuration', async () => {
  const { code, stderr } = await createCli('')(['dev', '--port', '8788'], { cwd: folder })
  expect(stderr).toContain('there is no wrangler.toml in this folder. `fallback-storage init` writes one')
  expect(code).toBe(2)
})

const MEDIA_PATH_TOML = "[vars]\nMEDIA_PATH = '/media/'\n[env.staging.vars]\nMEDIA_PATH = '/staging/'"

it.each([
  {
    what: 'wrangler.toml, and the token of .dev.vars',
    files: { 'wrangler.toml': MEDIA_PATH_TOML, '.dev.vars': 'API_TOKEN = "a b"' },
    shown: 'http://127.0.0.1:8787/media/-/#token=a%20b',
  },
  {
    what: 'wrangler.jsonc',
    files: { 'wrangler.jsonc': '{ /* comment */ "vars": { "MEDIA_PATH": "/media/" } }' },
    shown: 'http://127.0.0.1:8787/media/-/',
  },
  {
    what: 'the file of -c',
    files: { 'other.toml': MEDIA_PATH_TOML },
    args: ['-c', 'other.toml'],
    shown: 'http://127.0.0.1:8787/media/-/',
  },
  {
    what: 'the environment of --env',
    files: {
      'wrangler.toml': MEDIA_PATH_TOML,
      '.dev.vars': 'API_TOKEN=other',
      '.dev.vars.staging': 'API_TOKEN=x',
    },
    args: ['--env', 'staging'],
    shown: 'http://127.0.0.1:8787/staging/-/#token=x',
  },
  {
    what: '.dev.vars, which also has the path',
    files: { 'wrangler.toml': MEDIA_PATH_TOML, '.dev.vars': 'MEDIA_PATH=/' },
    shown: 'http://127.0.0.1:8787/-/',
  },
  {
    what: 'an empty path',
    files: { 'wrangler.toml': '[vars]\nMEDIA_PATH = ""' },
    args: ['--local-protocol', 'https'],
    shown: 'https://127.0.0.1:8787/-/',
  },
])('prints the address of the dashboard that follows from $what', async ({ files, args = [], shown }) => {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  await fakeWrangler()
  const { code, stdout, stderr } = await createCli('')(['dev', ...args], { cwd: folder })
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: `Dashboard: ${shown}\n` })
})

/** It is ready at once, and ends. It reads configurations like the real one. */
async function fakeWrangler(): Promise<void> {
  await mkdir(join(folder, 'node_modules/wrangler'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{}')
  const ready = JSON.stringify({ event: 'DEV_SERVER_READY', ip: '127.0.0.1', port: 8787 })
  await writeFile(
    join(folder, 'node_modules/wrangler/index.js'),
    `if (require.main === module) process.send(${JSON.stringify(ready)}, () => process.disconnect())
     else module.exports = require(${JSON.stringify(findWrangler(PACKAGE))})`,
  )
}

const INSTALLED = 'main = "node_modules/fallback-storage/dist/worker/index.js"'

it('runs the Worker of this package if the project expects it in node_modules, where it is not', async () => {
  const config = join(folder, 'wrangler.toml')
  await writeFile(config, INSTALLED)
  expect(packagedWorker(config)).toEqual([
    join(PACKAGE, 'dist/worker/index.js'),
    '--config',
    config,
    '--assets',
    join(PACKAGE, 'dist/assets'),
  ])
})

it.for([
  { main: INSTALLED, installed: true },
  { main: 'main = "src/index.ts"', installed: false },
])(
  'runs the Worker that the configuration names: $main, installed: $installed',
  async ({ main, installed }) => {
    await writeFile(join(folder, 'wrangler.toml'), main)
    if (installed) await mkdir(join(folder, 'node_modules/fallback-storage'), { recursive: true })
    expect(packagedWorker(join(folder, 'wrangler.toml'))).toEqual([])
  },
)
