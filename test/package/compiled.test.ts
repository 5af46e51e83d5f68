import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const TSC = join(PROJECT, 'node_modules/typescript/bin/tsc')
const run = promisify(execFile)

/** Another project with the package installed, without its development dependencies. */
let project: string
let installed: string

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'cli-package-'))
  installed = join(project, 'node_modules/fallback-storage')
  await mkdir(installed, { recursive: true })
  await run(process.execPath, [TSC, '-p', 'tsconfig.cli.json', '--outDir', join(installed, 'dist')], {
    cwd: PROJECT,
  })
  await cp(join(PROJECT, 'package.json'), join(installed, 'package.json'))
  for (const dependency of ['aws4fetch', 'commander', 'mime', 'valibot', 'wrangler']) {
    await symlink(join(PROJECT, 'node_modules', dependency), join(project, 'node_modules', dependency))
  }
})

afterAll(() => rm(project, { recursive: true, force: true }))

it('contains the command line, the client, and what they share with the Worker', async () => {
  const shared = ['access', 'backends', 'bodies', 'config', 'http', 'schemas', 'storage']
  expect(await readdir(join(installed, 'dist'))).toEqual([...shared, 'cli', 'client'].toSorted())
})

it('runs as JavaScript', async () => {
  const main = join(installed, 'dist/cli/main.js')
  expect((await run(process.execPath, [main, '--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  expect((await run(process.execPath, [main, 'backfill', 'start', '--help'])).stdout).toContain('--dry-run')
  const config = join(PROJECT, 'wrangler.toml')
  const { stdout } = await run(process.execPath, [main, 'doctor', '--config', config]).catch(
    (error: { stdout: string }) => error,
  )
  expect(stdout).toContain('✓ configuration  is what the Worker accepts')
})

it('provides a typed client that works on its own', async () => {
  const code = `
    import { ApiError, createClient, type Backfill, type ListedObject } from 'fallback-storage/client'
    const client = createClient({ url: 'https://media.example.com/media', token: 'secret' })
    console.log(client.mediaUrl('a b.jpg'), typeof ApiError)
    export async function names(): Promise<string[]> {
      const found: ListedObject[] = []
      for await (const object of client.listAll('photos/')) found.push(object)
      const job: Backfill = await client.startBackfill({ dry_run: true })
      return [...found.map(({ name }) => name), job.state]
    }
    // @ts-expect-error -- names are strings
    export const wrong = () => client.size(1)
  `
  await writeFile(join(project, 'package.json'), '{"type":"module"}')
  await writeFile(join(project, 'user.ts'), code)
  const flags = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--module',
    'nodenext',
    '--target',
    'esnext',
    '--types',
    '',
    '--lib',
    'esnext,dom,dom.asynciterable',
  ]
  await run(process.execPath, [TSC, ...flags, 'user.ts'], { cwd: project })
  const { stdout } = await run(process.execPath, ['user.js'], { cwd: project })
  expect(stdout).toBe('https://media.example.com/media/a%20b.jpg function\n')
})
