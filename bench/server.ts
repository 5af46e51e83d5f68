import { spawn } from 'node:child_process'
import { eventually } from '../test/kit/eventually.ts'

const STARTED_WITHIN_MS = 10_000

/** Runs another server while `work` runs; it is up once `path` returns 200. */
export async function whileServing<T>(
  [command, ...args]: readonly [string, ...string[]],
  { port, path, env }: { port: number; path: string; env?: Record<string, string> },
  work: (url: string) => Promise<T>,
): Promise<T> {
  const server = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  })
  const url = `http://127.0.0.1:${port}`
  try {
    await untilUp(url + path)
    return await work(url)
  } finally {
    server.kill()
    await new Promise((resolve) => server.once('exit', resolve))
  }
}

async function untilUp(url: string): Promise<void> {
  const isUp = async () => {
    const answer = await fetch(url).catch(() => null)
    await answer?.arrayBuffer()
    return answer?.status === 200 || null
  }
  await eventually(() => `200 from ${url}`, isUp, { patience: STARTED_WITHIN_MS })
}
