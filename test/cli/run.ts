import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** Stripping types anew would take half of each run. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/cli', import.meta.url))

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
  bytes: Buffer
}

export interface RunOptions {
  cwd?: string
  /** Take the place of the usual ones; undefined takes one away. */
  env?: Record<string, string | undefined>
  stdin?: string | Uint8Array
  /** Ends the command from outside. */
  signal?: AbortSignal
}

export type Cli = (args: readonly string[], options?: RunOptions) => Promise<Ran>

/** The command as a shell runs it, without a terminal. */
export function createCli(url: string, token?: string): Cli {
  return async (args, { cwd, env = {}, stdin = '', signal } = {}) => {
    const child = spawn(process.execPath, ['--no-warnings', MAIN, ...args], {
      ...(cwd !== undefined && { cwd }),
      env: {
        ...clean(process.env),
        NODE_COMPILE_CACHE: CACHE,
        FALLBACK_STORAGE_URL: url,
        FALLBACK_STORAGE_TOKEN: token,
        ...env,
      },
    })
    signal?.addEventListener('abort', () => child.kill('SIGINT'))
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    // A command that fails early reads no more of its input.
    child.stdin.on('error', () => {})
    child.stdin.end(stdin)
    const [code] = (await once(child, 'close')) as [number | null]
    const bytes = Buffer.concat(out)
    return { code, stdout: bytes.toString(), stderr: Buffer.concat(err).toString(), bytes }
  }
}

/** The command on a terminal of its own, by `script`: what that terminal is sent. */
export function createTerminal(url: string, token = 'token') {
  return async (args: readonly string[], env: Record<string, string> = {}): Promise<string> => {
    const command = [process.execPath, '--no-warnings', MAIN, ...args].map(quoted).join(' ')
    const { CI: _ci, FORCE_COLOR: _force, NO_COLOR: _none, ...inherited } = process.env
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

/** Test runners force colours on; users' shells do not. */
function clean({ FORCE_COLOR: _force, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env
}

/** NDJSON, parsed. */
export function records<T = Record<string, unknown>>({ stdout }: Ran): T[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}
