import { spawn } from 'node:child_process'

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

/** Asks for one URL as fast as it is answered, with wrk, whose shortest turn is a second: it takes a tenth of the processor time of a load generator in JavaScript. */
export async function load(
  { url, headers = {} }: Target,
  { seconds, connections }: LoadOptions,
): Promise<Load> {
  const output = await run('wrk', [
    '--threads=1',
    `--connections=${connections}`,
    `--duration=${seconds}s`,
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
    url,
  ])
  const requests = Number(/(\d+) requests in/.exec(output)?.[1])
  const requestsPerSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1])
  if (!requests || !requestsPerSecond) throw new Error(`wrk said nothing useful:\n${output}`)
  const errors = /Socket errors:.*/.exec(output)?.[0]
  if (errors !== undefined) throw new Error(`${url}: ${errors}`)
  return { requests, requestsPerSecond }
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()))
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
    child.on('error', (cause) =>
      reject(new Error(`${command} is needed: apt-get install ${command}`, { cause })),
    )
    child.on('close', (code) => {
      if (code === 0) resolve(stdout)
      else reject(new Error(`${command} ended with ${code}:\n${stdout}${stderr}`))
    })
  })
}
