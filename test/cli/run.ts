import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import type { Stream } from '../../src/cli/output.ts'
import { run } from '../../src/cli/program.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** Otherwise half of each run would be spent on stripping types. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/cli', import.meta.url))

// Test runners force colours on; users' shells do not.
delete process.env['FORCE_COLOR']

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
  bytes: Buffer
}

export interface RunOptions {
  /** Added to the usual ones; undefined removes one. */
  env?: Record<string, string | undefined>
  stdin?: string | Uint8Array
  /** Then the command sees the environment of this process, too, as the processes that it starts do. */
  cwd?: string
  /** In a process of its own, whose output is also that of the processes that it starts. */
  spawned?: boolean
  /** Sends SIGINT; needs a process of its own. */
  signal?: AbortSignal
}

export type Cli = (args: readonly string[], options?: RunOptions) => Promise<Ran>

/** The command line without a terminal: in this process if possible, because starting one takes longer than most tests. */
export function createCli(url: string, token?: string): Cli {
  return async (args, { env, stdin = '', cwd, signal, spawned = signal !== undefined } = {}) => {
    const settings = { FALLBACK_STORAGE_URL: url, FALLBACK_STORAGE_TOKEN: token, ...env }
    const stdout = collector()
    const stderr = collector()
    const runHere = (seen: NodeJS.ProcessEnv): Promise<number> =>
      run(args, {
        stdin: Readable.from([Buffer.from(stdin)]),
        stdout: stdout.stream,
        stderr: stderr.stream,
        env: seen,
      })
    const code = spawned
      ? await runProcess(args, { env: settings, stdout, stderr, cwd, signal })
      : cwd === undefined
        ? await runHere(settings)
        : await inFolder(cwd, settings, () => runHere(process.env))
    return { code, stdout: stdout.text(), stderr: stderr.text(), bytes: stdout.bytes() }
  }
}

/** As if this process had been started in the folder, with these variables. No other test runs in it meanwhile. */
async function inFolder<T>(
  folder: string,
  env: Record<string, string | undefined>,
  action: () => Promise<T>,
): Promise<T> {
  const before = process.cwd()
  process.chdir(folder)
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  try {
    return await action()
  } finally {
    vi.unstubAllEnvs()
    process.chdir(before)
  }
}

interface Collector {
  stream: Stream
  bytes(): Buffer
  text(): string
}

function collector({ isTTY = false } = {}): Collector {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
  const bytes = () => Buffer.concat(chunks)
  return { stream: Object.assign(stream, { isTTY }), bytes, text: () => bytes().toString() }
}

interface ProcessOptions {
  env: Record<string, string | undefined>
  stdout: Collector
  stderr: Collector
  cwd: string | undefined
  signal: AbortSignal | undefined
}

async function runProcess(
  args: readonly string[],
  { env, stdout, stderr, cwd, signal }: ProcessOptions,
): Promise<number | null> {
  const child = spawn(process.execPath, ['--no-warnings', MAIN, ...args], {
    cwd,
    env: { ...process.env, NODE_COMPILE_CACHE: CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  signal?.addEventListener('abort', () => child.kill('SIGINT'))
  child.stdout.pipe(stdout.stream)
  child.stderr.pipe(stderr.stream)
  const [code] = (await once(child, 'close')) as [number | null]
  return code
}

/** The output of the command if it believes that it writes to a terminal. */
export function createFakeTerminal(url: string, token = 'token') {
  return async (args: readonly string[]): Promise<string> => {
    const { stream, text } = collector({ isTTY: true })
    const env = { FALLBACK_STORAGE_URL: url, FALLBACK_STORAGE_TOKEN: token }
    await run(args, { stdin: Readable.from([]), stdout: stream, stderr: stream, env })
    return text()
  }
}

/** The output of the command on a real terminal, which `script` creates. */
export function createTerminal(url: string, token = 'token') {
  return async (args: readonly string[], env: Record<string, string> = {}): Promise<string> => {
    const command = [process.execPath, '--no-warnings', MAIN, ...args].map(quoted).join(' ')
    const { CI: _ci, NO_COLOR: _none, ...inherited } = process.env
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: {
        ...inherited,
        NODE_COMPILE_CACHE: CACHE,
        TERM: 'xterm-256color',
        FALLBACK_STORAGE_URL: url,
        FALLBACK_STORAGE_TOKEN: token,
        ...env,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let shown = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text))
    await once(child, 'close')
    return shown
  }
}

function quoted(part: string): string {
  return `'${part.replaceAll("'", `'\\''`)}'`
}

/** NDJSON, parsed. */
export function records<T = Record<string, unknown>>({ stdout }: Ran): T[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}
