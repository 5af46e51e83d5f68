import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { packagedWorker } from '../../src/cli/packaged-worker.ts'
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
