import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface WorkerOptions {
  /** The first port to try; the next free one is taken. Default: any free one. */
  port?: number
  /** Variables that override those in wrangler.toml. */
  vars: Record<string, string>
  /** Folder of the local R2 and KV. */
  persistTo: string
  /** Receives wrangler's output once the Worker responds. */
  onOutput?: (text: string) => void
}

export interface RunningWorker {
  /** Ends in `/`. */
  url: string
  /** Settles when the process ends, by `stop` or otherwise. */
  exited: Promise<void>
  stop(): Promise<void>
}

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
/** Wrangler's own entry point: the `wrangler` command wraps it in another process, which does not forward signals. */
const WRANGLER = createRequire(import.meta.url).resolve('wrangler')
const START_MS = 100_000
const STOP_MS = 15_000

/** Runs `wrangler dev` on loopback and waits until it answers. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const port = options.port ? await freePort(options.port) : 0
  const child = spawn(process.execPath, ['--no-warnings', WRANGLER, ...devArguments(port, options)], {
    cwd: PROJECT,
    env: {
      ...process.env,
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      CI: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit').then(() => {})
  let phase: 'starting' | 'running' | 'stopping' = 'starting'
  let startup = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      if (phase === 'running') options.onOutput?.(text)
      else if (phase === 'starting') startup += text
    })
  }
  const stop = () => {
    phase = 'stopping'
    return end(child, exited)
  }
  try {
    const url = await ready(child, () => startup, options.vars['MEDIA_PATH'] ?? '/')
    phase = 'running'
    return { url, exited, stop }
  } catch (error) {
    await stop()
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`wrangler dev did not start, ${reason}:\n${startup}`, { cause: error })
  }
}

function devArguments(port: number, { vars, persistTo }: WorkerOptions): string[] {
  const overrides = Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`])
  // oxfmt-ignore
  return [
    'dev',
    '--ip', '127.0.0.1', '--port', String(port), '--inspector-port', '0',
    '--persist-to', persistTo,
    '--show-interactive-dev-session', 'false',
    ...overrides,
  ]
}

/** Waits until the Worker answers: its URL, with the port that wrangler chose. */
async function ready(child: ChildProcess, output: () => string, mediaPath: string): Promise<string> {
  const deadline = Date.now() + START_MS
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('the process ended')
    if (Date.now() > deadline) throw new Error(`no answer within ${START_MS / 1000} s`)
    const [, origin] = /Ready on (http:\/\/127\.0\.0\.1:\d+)/.exec(output()) ?? []
    if (origin !== undefined && (await isHealthy(`${origin}${mediaPath}-/health`))) return `${origin}/`
    await sleep(100)
  }
}

async function isHealthy(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => null)
  await response?.body?.cancel()
  return response?.ok === true
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGINT')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(timer)
}

async function freePort(first: number): Promise<number> {
  for (let port = first; ; port += 1) {
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE' && port < 65_535) continue
      throw error
    }
    const address = server.address()
    server.close()
    await once(server, 'close')
    if (address !== null && typeof address === 'object') return address.port
  }
}
