import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../test/kit/eventually.ts'
import { freePorts } from '../test/kit/servers/listen.ts'
import { pushChanges } from '../test/kit/servers/radosgw-notify.ts'
import { startRadosgw } from '../test/kit/servers/radosgw-server.ts'
import { bytesOf } from './backfill/source.ts'

/*
 * A whole move from a real S3 server, as an operator makes it: with a mirror, with changes at the source, there and back
 * again, to the detached source. Prints Markdown: docs/walkthrough.md is such a run.
 * Needs radosgw and rclone: see the packages in .ci/run.
 */

const OBJECTS = 2000
const BUCKET = 'old-media'
const TOKEN = 'walkthrough-token'
const SECRET = 'a-secret-of-the-event-sender-1'
const KEY = { access_key_id: 'WALKTHROUGHKEY', secret_access_key: 'walkthrough-secret-key-0123456789abcdef' }

const folder = mkdtempSync(join(tmpdir(), 'walkthrough-'))
const root = new URL('..', import.meta.url).pathname
const [port = 0, inspector = 0] = await freePorts(2)
const url = `http://127.0.0.1:${port}/`
const { server, stop: stopRadosgw } = await startRadosgw()
const { credentials, endpoint } = server

const env = {
  ...process.env,
  PATH: `${join(folder, 'bin')}:${process.env['PATH']}`,
  // rclone does not take it.
  AWS_CA_BUNDLE: undefined,
  RCLONE_CONFIG: '/dev/null',
  NO_COLOR: '1',
  FALLBACK_STORAGE_URL: url,
  FALLBACK_STORAGE_TOKEN: TOKEN,
  WRANGLER_SEND_METRICS: 'false',
  ...rclone('LEGACY', endpoint, credentials.accessKeyId, credentials.secretAccessKey),
  ...rclone('CHAIN', `${url}-/s3/`, KEY.access_key_id, KEY.secret_access_key),
  API: `${url}-/api`,
}

function rclone(name: string, endpoint: string, id: string, secret: string): Record<string, string> {
  const settings = {
    TYPE: 's3',
    PROVIDER: 'Other',
    ENDPOINT: endpoint,
    ACCESS_KEY_ID: id,
    SECRET_ACCESS_KEY: secret,
    REGION: 'default',
  }
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`RCLONE_CONFIG_${name}_${key}`, value]),
  )
}

const legacy = {
  type: 's3',
  name: 'legacy',
  endpoint,
  bucket: BUCKET,
  region: 'default',
  credentials: 'LEGACY',
}
const r2 = { type: 'r2', binding: 'MEDIA' }
const CHAINS = {
  r2First: [r2, { ...legacy, mirror: true }],
  legacyFirst: [
    { ...legacy, read_only: false },
    { ...r2, mirror: true },
  ],
  detached: [r2],
}

let worker: ChildProcess | undefined

/** `wrangler dev` in place of a deployment, with the same state each time. */
async function deploy(chain: readonly object[]): Promise<void> {
  await stop()
  const vars = {
    FALLBACK_STORAGES: JSON.stringify(chain),
    FALLBACK_DATA_MIGRATION: 'true',
    API_TOKEN: TOKEN,
    EVENTS_SECRET: SECRET,
    LEGACY_ACCESS_KEY_ID: credentials.accessKeyId,
    LEGACY_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    S3_BUCKET: 'media',
    S3_KEYS: JSON.stringify([{ ...KEY, scopes: ['admin'] }]),
  }
  const given = Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`])
  const ports = ['--port', `${port}`, '--inspector-port', `${inspector}`]
  const state = ['--persist-to', join(folder, 'state')]
  worker = spawn('npx', ['wrangler', 'dev', ...ports, ...state, ...given], {
    env,
    cwd: root,
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const answers = async () =>
    (await fetch(`${url}-/health`, { signal: AbortSignal.timeout(2000) }).catch(() => null))?.ok || null
  await eventually(() => 'a Worker that answers', answers, { patience: 120_000, interval: 300 })
  const tables = chain.map((table) => {
    const shown = Object.entries(table).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)
    return `  { ${shown.join(', ')} },`
  })
  block(['FALLBACK_STORAGES = [', ...tables, ']'].join('\n'), 'toml')
}

async function stop(): Promise<void> {
  if (worker?.pid === undefined || worker.exitCode !== null) return
  const ended = once(worker, 'exit')
  process.kill(-worker.pid, 'SIGTERM')
  await ended
}

function block(text: string, language = ''): void {
  console.log(`\n\`\`\`${language}\n${text.trimEnd()}\n\`\`\``)
}

function section(title: string, text: string): void {
  console.log(`\n## ${title}\n\n${text}`)
}

/** Runs a command in a shell, and prints it with what it answers and how long it took. */
async function run(command: string, { mayFail = false, last = 30 } = {}): Promise<string> {
  const began = performance.now()
  const child = spawn('bash', ['-c', command], { env, cwd: folder })
  let output = ''
  const collect = (chunk: Buffer): void => void (output += chunk.toString())
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const [code] = (await once(child, 'close')) as [number]
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  const lines = output.replaceAll(/.*\r(?!\n)/g, '').split('\n')
  const shown = lines.length > last ? ['…', ...lines.slice(-last)] : lines
  block(`$ ${command}\n${shown.join('\n').trimEnd()}\n# ${seconds} s, exit code ${code}`)
  if (code !== 0 && !mayFail) throw new Error(`${command}: exit code ${code}`)
  return output
}

interface Mirrors {
  mirrors: { pending: number; failed: number }[]
}

/** Waits until every mirror has followed; returns the seconds. */
async function followed(): Promise<void> {
  const began = performance.now()
  const isDone = async (): Promise<true | null> => {
    const answer = await fetch(`${url}-/api/mirrors`, { headers: { Authorization: `Bearer ${TOKEN}` } })
    const { mirrors } = (await answer.json()) as Mirrors
    return mirrors.every(({ pending, failed }) => pending + failed === 0) || null
  }
  await eventually(() => 'mirrors that have followed', isDone, { patience: 300_000, interval: 200 })
  console.log(`\nThe mirror has followed after ${((performance.now() - began) / 1000).toFixed(1)} s.`)
}

function nameOf(index: number): string {
  return `photos/${String(Math.floor(index / 100)).padStart(2, '0')}/${String(index).padStart(4, '0')} ü.jpg`
}

/** Files with content of their own for each version, ready to be copied. */
function write(to: string, indexes: readonly number[], version: string): void {
  for (const index of indexes) {
    const name = nameOf(index)
    const path = join(folder, to, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, bytesOf({ name: `${name} ${version}`, size: 500 + ((index * 997) % 60_000) }))
  }
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}

function list(file: string, indexes: readonly number[]): void {
  writeFileSync(join(folder, file), indexes.map(nameOf).join('\n'))
}

const check = 'rclone check legacy:old-media chain:media --download --checkers 4'
/** What was deleted while the bucket was the primary is a small tombstone there, so the bucket has more files. */
const checkOneWay = 'rclone check chain:media legacy:old-media --download --one-way --checkers 4'

try {
  mkdirSync(join(folder, 'bin'))
  const command = join(folder, 'bin/fallback-storage')
  writeFileSync(command, `#!/bin/sh\nexec ${process.execPath} ${root}dist/cli/main.js "$@"\n`)
  chmodSync(command, 0o755)
  console.log('# A whole move, start to finish\n')
  console.log(
    `This page is what \`node bench/walkthrough.ts\` printed. ${OBJECTS} objects in a Ceph radosgw are moved to R2 with a mirror, while some of them change or are deleted at the source. Then the chain is flipped to the old storage and back again, and the old storage is detached. [A move in nine steps](operations.md#a-move-in-nine-steps) explains the usual order. \`wrangler dev\` with local R2 takes the place of a deployment, on one machine with two cores.`,
  )

  section('1. The old storage', 'Photos in an S3 bucket, which the application still writes to.')
  write('media', range(0, OBJECTS), '1')
  await run(
    `rclone mkdir legacy:old-media && rclone copy media legacy:old-media --transfers 8 && rclone size legacy:old-media`,
  )

  section(
    '2. Deploy R2 in front, with the old storage as mirror',
    'From now on, reads come through the Worker. What is written or deleted here is repeated in the old storage.',
  )
  await deploy(CHAINS.r2First)
  await run('fallback-storage doctor')
  await run(
    `curl -s -o /dev/null -w '%{http_code} %header{cache-status}\\n' "${url}photos/00/0007%20%C3%BC.jpg"`,
  )

  section('3. Tell the Worker what changes at the source', 'Ceph pushes its notifications to the Worker.')
  await pushChanges(server, BUCKET, `${url}-/api/events/legacy?secret=${SECRET}`)
  console.log(
    '\nA topic with that push endpoint, and a notification for created and removed objects (docs/source-changes.md).',
  )

  section(
    '4. Backfill, while the source changes',
    'During the backfill 60 objects are replaced, 40 deleted and 50 added at the source.',
  )
  write('changes', [...range(100, 60), ...range(OBJECTS, 50)], '2')
  list('deleted.txt', range(300, 40))
  const backfill = run('fallback-storage backfill start --watch')
  await run(`rclone copy changes legacy:old-media && rclone delete legacy:old-media --files-from deleted.txt`)
  await backfill
  await run('curl -s -H "Authorization: Bearer $FALLBACK_STORAGE_TOKEN" $API/events')
  await run(check)

  section(
    '5. Users change things',
    'Uploads, replacements and deletes through the Worker: the mirror follows.',
  )
  write('uploads', [...range(500, 30), ...range(OBJECTS + 50, 30)], '3')
  await run(`rclone copy uploads chain:media --transfers 4`)
  list('removed.txt', range(700, 30))
  await run(`rclone delete chain:media --files-from removed.txt`)
  await followed()
  await run('fallback-storage mirrors')
  await run('fallback-storage mirrors resync legacy --watch')
  await run('fallback-storage verify --rollback')
  await run(check)

  section(
    '6. Flip back: the old storage is the primary again',
    'The order of the chain is exchanged; R2 follows as the mirror. While the bucket is the primary, it holds the tombstones of what is deleted: from here on, the check is that it has every file of the chain.',
  )
  await deploy(CHAINS.legacyFirst)
  write('back', [...range(900, 30), ...range(OBJECTS + 80, 30)], '4')
  await run(`rclone copy back chain:media --transfers 4`)
  list('back.txt', range(1000, 20))
  await run(`rclone delete chain:media --files-from back.txt`)
  await followed()
  await run('fallback-storage mirrors')
  await run('fallback-storage verify --rollback')
  await run(checkOneWay)

  section(
    '7. Flip again: R2 is the primary',
    'What was written in the meantime is there already. Of the reads that `dependence` shows for the bucket, all but those in the last table are of the time when it was the primary.',
  )
  await deploy(CHAINS.r2First)
  await run('fallback-storage backfill start --watch')
  await run(checkOneWay)
  await run('fallback-storage verify --rollback')
  await run('fallback-storage dependence')

  section('8. The certificate', 'Does anything still need the old storage?')
  await run('fallback-storage verify --deep', { mayFail: true, last: 60 })

  section(
    '9. Detach',
    'The old storage leaves the configuration. Every object is still there, from R2 alone.',
  )
  await deploy(CHAINS.detached)
  await run(checkOneWay)
  console.log(`\nAll objects were read from R2 alone and compared byte for byte with the old bucket.`)
} finally {
  await stop()
  await stopRadosgw()
  rmSync(folder, { recursive: true, force: true })
}
