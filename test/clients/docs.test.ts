import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startStack, type Stack } from '../../demo/stack.ts'
import { mediaFolder, type MediaFolder } from '../kit/servers/media.ts'
import { blocks, reasonNotRun } from '../docs/code.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const all = blocks()
const commands = all.filter((block) => block.language === 'sh' && reasonNotRun(block) === undefined)
const pages = Map.groupBy(commands, ({ path }) => path)

/** What a block expects from those who run it, in the words around it. */
const PREPARED: readonly [block: RegExp, command: string][] = [
  // Slow enough to be paused.
  [
    /backfills\/\$id/,
    `id=$(curl -H "$auth" -H 'Content-Type: application/json' -d '{"max_per_second":0.1}' $api/backfills | jq -r .id)`,
  ],
  [
    /verifications\/\$id/,
    `id=$(curl -H "$auth" -H 'Content-Type: application/json' -d '{}' $api/verifications | jq -r .id)`,
  ],
]

const NAMES = 'photos/harbour.jpg\nphotos/sun.png\n'

const started: Stack[] = []
let media: MediaFolder
let stack: Stack
let folder: string

beforeAll(async () => {
  media = await mediaFolder()
  await mkdir(join(media.path, 'lists'))
  await media.add('lists/names.txt', Buffer.from(NAMES))
  await media.add('lists/names.csv.gz', gzipSync(`name\n${NAMES}`))
  stack = await start()
  folder = await mkdtemp(join(tmpdir(), 'docs-'))
  await mkdir(join(folder, 'photos'))
  for (const name of ['harbour.jpg', 'photos/harbour.jpg'])
    await copyFile(join(repository, 'demo/media/photos/harbour.jpg'), join(folder, name))
  await writeFile(join(folder, 'names.txt'), NAMES)
  await writeFile(join(folder, 'names.csv.gz'), gzipSync(`name\n${NAMES}`))
})

afterAll(async () => {
  await Promise.all(started.map((one) => one.stop()))
  await media?.remove()
  if (folder) await rm(folder, { recursive: true, force: true })
})

describe('the commands in the docs', () => {
  // The jobs of operations.md find something to copy.
  it.each([...pages.keys()])('in %s work as they are written', { timeout: 180_000 }, async (path) => {
    // Its jobs need something to copy, and leave some of it to others.
    const deployment = path === 'docs/operations.md' ? await start() : stack
    const parts = (pages.get(path) ?? []).flatMap(({ place, code }) => [
      `echo '@ ${place}'`,
      ...PREPARED.filter(([block]) => block.test(code)).map(([, command]) => command),
      here(code, deployment),
    ])
    const { code, output } = await runScript([prelude(deployment), ...parts].join('\n'))
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

async function start(): Promise<Stack> {
  const one = await startStack({ media: media.path })
  started.push(one)
  return one
}

/** Not synchronously: this process is the legacy origin. */
async function runScript(script: string): Promise<{ code: number | null; output: string }> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, timeout: 100_000 })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

/** Answers with an error make curl fail. The CLI is the repository's; that it is not safe to detach yet is an answer, too. */
function prelude({ worker, token, s3 }: Stack): string {
  return `
cli() { '${process.execPath}' '${repository}src/cli/main.ts' "$@"; }
fallback-storage() { cli "$@" || [ "$1 $?" = 'verify 3' ]; }
npx() { "$@"; }
curl() { command curl --fail-with-body -sS "$@"; }
export FALLBACK_STORAGE_URL='${worker.url}' FALLBACK_STORAGE_TOKEN='${token}' API_TOKEN='${token}'
SECRET='${s3.secretAccessKey}' TOKEN=$API_TOKEN
api=${worker.url}-/api
auth="Authorization: Bearer $API_TOKEN"
`
}

/** The addresses and secrets of the docs are those of the running stack. */
function here(code: string, { worker, token, s3 }: Stack): string {
  return code
    .replaceAll('https://media.example.com/', worker.url)
    .replaceAll('https://s3.example.com/', s3.endpoint)
    .replaceAll('"backup:', `"${s3.accessKeyId}:`)
    .replaceAll(/(TOKEN=|"token": ")…/g, `$1${token}`)
}
