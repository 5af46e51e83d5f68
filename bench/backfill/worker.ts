import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ServeOptions } from './serve.ts'

const SERVE = fileURLToPath(new URL('serve.ts', import.meta.url))
const START_MS = 90_000

export const TOKEN = 'bench-token'

export interface Killable {
  url: string
  /** Ends it and all its children at once, without a word. */
  kill(): Promise<void>
}

/** The Worker in a process group of its own, so that it can die as in a power cut. */
export async function startKillable(
  persistTo: string,
  vars: Record<string, string>,
  port: number,
): Promise<Killable> {
  const options: ServeOptions = { persistTo, vars: { ...vars, API_TOKEN: TOKEN }, port }
  const child = spawn(process.execPath, [SERVE, JSON.stringify(options)], {
    detached: true,
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
      throw new Error('the Worker did not start')
    }
    await sleep(200)
  }
}
