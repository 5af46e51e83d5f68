import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { eventually } from '../../test/kit/eventually.ts'
import type { ServeOptions } from './serve.ts'

const SERVE = fileURLToPath(new URL('serve.ts', import.meta.url))
const START_MS = 90_000
const ANSWER_MS = 60_000

const TOKEN = 'bench-token'

export interface Killable {
  url: string
  /** Calls the JSON API: GET, or POST if there is a body. */
  call<Answer>(path: string, body?: unknown): Promise<Answer>
  /** Sends SIGKILL to it and all its children; does nothing if it has ended. */
  kill(): Promise<void>
}

/** The Worker in its own process group, so that it can be killed as in a power cut. */
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
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const end = (): void => {
    if (child.pid !== undefined && !hasEnded()) process.kill(-child.pid, 'SIGKILL')
  }
  process.once('exit', end)
  const url = `http://127.0.0.1:${port}/`
  const why = (): string =>
    hasEnded() ? `the Worker has ended with ${child.signalCode ?? child.exitCode}` : 'no answer'
  const worker: Killable = {
    url,
    async call(path, body) {
      const response = await fetch(`${url}-/api/${path}`, {
        headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
        signal: AbortSignal.timeout(ANSWER_MS),
        ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      }).catch((error: unknown) => {
        throw new Error(`${path}: ${why()}`, { cause: error })
      })
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      return (await response.json()) as never
    },
    async kill() {
      end()
      await exited
      process.off('exit', end)
    },
  }
  const isHealthy = async () => {
    if (hasEnded()) throw new Error(why())
    const response = await fetch(`${url}-/health`, { signal: AbortSignal.timeout(5000) }).catch(() => null)
    await response?.arrayBuffer()
    return response?.ok || null
  }
  try {
    await eventually(() => 'a Worker that answers', isHealthy, { patience: START_MS, interval: 200 })
  } catch (error) {
    await worker.kill()
    throw error
  }
  return worker
}
