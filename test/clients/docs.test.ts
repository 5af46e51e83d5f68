import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startStack, type Stack } from '../../demo/stack.ts'
import { blocks, reasonNotRun } from '../docs/code.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const all = blocks()
const commands = all.filter((block) => block.language === 'sh' && reasonNotRun(block) === undefined)
const pages = Map.groupBy(commands, ({ path }) => path)

/** What pages expect from those who follow them, in their own words. */
const PREPARED: Record<string, string> = {
  'docs/operations.md': 'id=$(fallback-storage backfill start --json | jq -r .id)\n',
}

let stack: Stack
let folder: string

beforeAll(async () => {
  stack = await startStack()
  folder = await mkdtemp(join(tmpdir(), 'docs-'))
  await copyFile(join(repository, 'demo/media/photos/harbour.jpg'), join(folder, 'harbour.jpg'))
  await writeFile(join(folder, 'names.txt'), 'photos/harbour.jpg\nphotos/sun.png\n')
  await writeFile(join(folder, 'names.csv.gz'), gzipSync('name\nphotos/harbour.jpg\n'))
})

afterAll(async () => {
  await stack?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

describe('the commands in the docs', () => {
  it.each([...pages.keys()])('in %s work as they are written', async (path) => {
    const parts = (pages.get(path) ?? []).map(({ place, code }) => `echo '@ ${place}'\n${here(code)}`)
    const script = [prelude(), PREPARED[path] ?? '', ...parts].join('\n')
    const { code, output } = await runScript(script)
    const last = output.split('\n').findLast((line) => line.startsWith('@ '))
    expect([last, code, code === 0 ? '' : output.slice(-2000)]).toEqual([last, 0, ''])
  })

  it('are most of those that need nothing but a deployment', () => {
    expect(commands.length).toBeGreaterThan(10)
  })
})

describe('Python in the docs', () => {
  it.each(all.filter(({ language }) => language === 'python'))('is valid in $place', ({ code, place }) => {
    const script = 'import sys; compile(sys.stdin.read(), sys.argv[1], "exec")'
    const { status, stderr } = spawnSync('python3', ['-c', script, place], { input: code, encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
  })
})

/** Not synchronously: this process is the legacy origin. */
async function runScript(script: string): Promise<{ code: number | null; output: string }> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, timeout: 50_000 })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

/** Answers with an error make curl fail, and the CLI is the repository's. */
function prelude(): string {
  return `
fallback-storage() { '${process.execPath}' '${repository}src/cli/main.ts' "$@"; }
npx() { "$@"; }
curl() { command curl --fail-with-body -sS "$@"; }
export FALLBACK_STORAGE_URL='${stack.worker.url}' FALLBACK_STORAGE_TOKEN='${stack.token}' API_TOKEN='${stack.token}'
SECRET='${stack.s3.secretAccessKey}' TOKEN=$API_TOKEN
api=${stack.worker.url}-/api
auth="Authorization: Bearer $API_TOKEN"
`
}

/** The addresses and secrets of the docs are those of the running stack. */
function here(code: string): string {
  return code
    .replaceAll('https://media.example.com/', stack.worker.url)
    .replaceAll('https://s3.example.com/', stack.s3.endpoint)
    .replaceAll('"backup:', `"${stack.s3.accessKeyId}:`)
    .replaceAll(/(TOKEN=|"token": ")…/g, `$1${stack.token}`)
}
