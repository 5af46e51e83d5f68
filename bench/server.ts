import { spawn } from 'node:child_process'

const STARTED_WITHIN_MS = 10_000

/** Runs a server of another make as long as `work` takes; it is up once `path` is answered with 200. */
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
    await answering(url + path)
    return await work(url)
  } finally {
    server.kill()
    await new Promise((resolve) => server.once('exit', resolve))
  }
}

async function answering(url: string): Promise<void> {
  const deadline = performance.now() + STARTED_WITHIN_MS
  for (;;) {
    const status = await fetch(url).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status === 200) return
    if (performance.now() > deadline) throw new Error(`${url} does not answer: ${status}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
