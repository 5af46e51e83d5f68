import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const WRANGLER = createRequire(import.meta.url).resolve('wrangler')
const START_MS = 90_000

export const TOKEN = 'bench-token'

export interface Killable {
  url: string
  /** Ends it and all its children at once, without a word. */
  kill(): Promise<void>
}

/** `wrangler dev` in a process group of its own, so that it can die as in a power cut. */
export async function startKillable(
  persistTo: string,
  vars: Record<string, string>,
  port: number,
): Promise<Killable> {
  const overrides = Object.entries({ ...vars, API_TOKEN: TOKEN }).flatMap(([name, value]) => [
    '--var',
    `${name}:${value}`,
  ])
  // oxfmt-ignore
  const child = spawn(process.execPath, [
    '--no-warnings', WRANGLER, 'dev', '--ip', '127.0.0.1', '--port', String(port), '--inspector-port', '0',
    '--persist-to', persistTo, '--log-level', 'error', '--show-interactive-dev-session', 'false', ...overrides,
  ], {
    cwd: PROJECT,
    detached: true,
    env: { ...process.env, CI: '1', CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = once(child, 'exit')
  const kill = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await exited
  }
  const url = `http://127.0.0.1:${port}/`
  for (const deadline = Date.now() + START_MS; ;) {
    const response = await fetch(`${url}-/health`).catch(() => null)
    await response?.arrayBuffer()
    if (response?.ok) return { url, kill }
    if (Date.now() > deadline || child.exitCode !== null) {
      await kill()
      throw new Error('wrangler dev did not start')
    }
    await sleep(200)
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
