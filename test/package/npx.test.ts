import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { parseEnv, promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { type LegacyOrigin, startLegacyOrigin } from '../../demo/legacy-origin.ts'
import { eventually } from '../kit/eventually.ts'
import { npm } from './npm.ts'

/** An empty folder on a machine that has Node, npm and nothing else. */
let folder: string
let env: Record<string, string>
let origin: LegacyOrigin

beforeAll(async () => {
  const home = await mkdtemp(join(tmpdir(), 'fallback-storage-home-'))
  folder = join(home, 'project')
  await mkdir(folder)
  await mkdir(join(home, '.npm'))
  // What has been downloaded is not downloaded again, but `npx` installs into the home folder.
  await symlink(
    join((await npm(folder, 'config', 'get', 'cache')).trim(), '_cacache'),
    join(home, '.npm/_cacache'),
  )
  const tools = (process.env['PATH'] ?? '').split(delimiter).filter((path) => !path.includes('node_modules'))
  env = {
    HOME: home,
    PATH: [dirname(process.execPath), ...tools].join(delimiter),
    npm_config_prefer_offline: 'true',
    npm_config_update_notifier: 'false',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    WRANGLER_SEND_METRICS: 'false',
  }
  origin = await startLegacyOrigin()
})

afterAll(async () => {
  await origin?.close()
  await rm(dirname(folder), { recursive: true, force: true })
})

/** The arguments of `npx fallback-storage …`, if the package were published. */
async function npx(...args: string[]): Promise<string[]> {
  const { devDependencies } = JSON.parse(await readFile('package.json', 'utf8')) as {
    devDependencies: { wrangler: string }
  }
  // npm installs wrangler by itself; the version is the tested one, so that a new one does not break the test.
  return [
    '--yes',
    '-p',
    inject('tarball'),
    '-p',
    `wrangler@${devDependencies.wrangler}`,
    'fallback-storage',
    ...args,
  ]
}

async function run(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('npx', await npx(...args), { cwd: folder, env })
  return stdout
}

it('sets up, runs and deploys a project in an empty folder', async () => {
  expect(await run('init', '--from', origin.url, '--migrate', '--yes')).toContain(
    `✓ legacy         ${origin.url}`,
  )
  expect((await readdir(folder)).toSorted()).toEqual(['.dev.vars', '.gitignore', 'wrangler.toml'])
  const { API_TOKEN: token } = parseEnv(await readFile(join(folder, '.dev.vars'), 'utf8'))

  const worker = await startDev()
  try {
    const dashboard = new URL(await worker.dashboard)
    expect(dashboard.hash).toBe(`#token=${token}`)
    const page = await fetch(dashboard)
    expect(page.headers.get('Content-Type')).toContain('text/html')

    const picture = await fetch(new URL('/photos/harbour.jpg', dashboard))
    expect(picture.status).toBe(200)
    expect(picture.headers.get('Cache-Status')).toBe('fallback-storage; fwd=uri-miss; stored; detail=legacy')
    expect(Buffer.from(await picture.arrayBuffer())).toEqual(await readFile('demo/media/photos/harbour.jpg'))

    const upload = { method: 'PUT', body: 'hello', headers: { Authorization: `Bearer ${token}` } }
    expect((await fetch(new URL('/notes/hello.txt', dashboard), upload)).status).toBe(201)
    expect(await (await fetch(new URL('/notes/hello.txt', dashboard))).text()).toBe('hello')
  } finally {
    await worker.interrupt()
  }
})

interface Dev {
  /** The address that it prints. */
  dashboard: Promise<string>
  /** Presses Ctrl-C, and waits until all processes have ended. */
  interrupt(): Promise<void>
}

async function startDev(): Promise<Dev> {
  const child: ChildProcess = spawn('npx', await npx('dev', '--port', '0', '--inspector-port', '0'), {
    cwd: folder,
    env,
    // A process group of its own, which Ctrl-C reaches as a whole.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  let shown = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (shown += text))
  }
  const dashboard = eventually(
    () => `the address of the dashboard in:\n${shown}`,
    async () => {
      if (child.exitCode !== null) throw new Error(`dev ended:\n${shown}`)
      return /^Dashboard: (\S+)$/m.exec(shown)?.[1] ?? null
    },
    { patience: 90_000 },
  )
  return {
    dashboard,
    async interrupt() {
      process.kill(-child.pid!, 'SIGINT')
      await ended
    },
  }
}
