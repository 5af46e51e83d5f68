import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { CommandError, EXIT } from './errors.ts'

export interface WranglerOptions {
  /** The project's folder. Default: the current one. */
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** Called by `wrangler dev` as soon as the Worker answers, with its host and port. */
  onReady?: (host: string) => void
  /** Gets the standard output, which is shown otherwise. */
  readOutput?: (output: Readable) => Promise<void>
}

/** Runs a command of wrangler with this process's standard streams, and returns its exit code. */
export async function runWrangler(args: readonly string[], options: WranglerOptions = {}): Promise<number> {
  const { cwd = process.cwd(), env = process.env, onReady, readOutput } = options
  // Not the `wrangler` command: it wraps this file in another process, which does not forward every signal.
  const child = spawn(process.execPath, ['--no-warnings', findWrangler(cwd), ...args], {
    cwd,
    env,
    stdio: ['inherit', readOutput ? 'pipe' : 'inherit', 'inherit', 'ipc'],
  })
  child.on('message', (message) => {
    const host = readyHost(message)
    if (host !== undefined) onReady?.(host)
  })
  const restore = forwardSignals((signal) => child.kill(signal))
  try {
    await Promise.all([once(child, 'close'), child.stdout && readOutput?.(child.stdout)])
    return child.exitCode ?? 128 + constants.signals[child.signalCode ?? 'SIGTERM']
  } finally {
    restore()
  }
}

/** The wrangler of the project in `folder` or, without one, the one that was installed with this package. */
export function findWrangler(folder: string): string {
  for (const from of [join(folder, 'package.json'), import.meta.url]) {
    try {
      return createRequire(from).resolve('wrangler')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    }
  }
  throw new CommandError(EXIT.failed, 'wrangler is not installed. Install it with: npm install -D wrangler')
}

/** Lets wrangler decide when this process ends, until the returned function is called. */
function forwardSignals(forward: (signal: NodeJS.Signals) => void): () => void {
  const before = process.listeners('SIGINT')
  const onSignal = (signal: NodeJS.Signals) => {
    // Ctrl-C reaches every process of a terminal by itself.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) forward(signal)
  }
  process.removeAllListeners('SIGINT')
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal)
    for (const listener of before) process.on('SIGINT', listener)
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** From the message by which wrangler reports where it listens. */
function readyHost(message: unknown): string | undefined {
  if (typeof message !== 'string') return undefined
  const { event, ip, port } = JSON.parse(message) as { event?: string; ip?: string; port?: number }
  return event === 'DEV_SERVER_READY' ? `${ip}:${port}` : undefined
}
