import { spawn, spawnSync } from 'node:child_process'

/** One kind of request, sent again and again. */
export interface Target {
  url: string
  headers?: Readonly<Record<string, string>>
}

export interface LoadOptions {
  seconds: number
  connections: number
}

export interface Load {
  requests: number
  requestsPerSecond: number
}

/** wrk where it is installed: it takes a tenth of the processor time that autocannon does. */
export const loadTool = spawnSync('wrk', ['--version']).error === undefined ? 'wrk' : 'autocannon'

/** Asks for one URL as fast as it is answered. */
export function load(target: Target, options: LoadOptions): Promise<Load> {
  return loadTool === 'wrk' ? wrk(target, options) : autocannon(target, options)
}

async function wrk({ url, headers = {} }: Target, { seconds, connections }: LoadOptions): Promise<Load> {
  const output = await run('wrk', [
    '--threads=1',
    `--connections=${connections}`,
    `--duration=${seconds}s`,
    ...headerArguments(headers, ': '),
    url,
  ])
  const requests = Number(/(\d+) requests in/.exec(output)?.[1])
  const requestsPerSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1])
  if (!requests || !requestsPerSecond) throw new Error(`wrk said nothing useful:\n${output}`)
  const errors = /Socket errors:.*/.exec(output)?.[0]
  if (errors !== undefined) throw new Error(`${url}: ${errors}`)
  return { requests, requestsPerSecond }
}

async function autocannon(
  { url, headers = {} }: Target,
  { seconds, connections }: LoadOptions,
): Promise<Load> {
  const output = await run('autocannon', [
    '--json',
    `--connections=${connections}`,
    `--duration=${seconds}`,
    ...headerArguments(headers, '='),
    url,
  ])
  const { requests, errors, duration } = JSON.parse(output) as {
    requests: { total: number }
    errors: number
    duration: number
  }
  if (errors > 0) throw new Error(`${url}: ${errors} errors`)
  return { requests: requests.total, requestsPerSecond: requests.total / duration }
}

function headerArguments(headers: Readonly<Record<string, string>>, separator: string): string[] {
  return Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}${separator}${value}`])
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()))
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(stdout)
      else reject(new Error(`${command} ended with ${code}:\n${stdout}${stderr}`))
    })
  })
}
