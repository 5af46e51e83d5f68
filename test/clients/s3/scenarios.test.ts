import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../../kit/eventually.ts'
import { COMMANDS } from './programs.ts'
import { BUCKET, CREDENTIALS, startS3Site, type S3Site } from './site.ts'

/** What clients do to a chain whose fallback fails, and while objects are deleted and copied. */
const HAS_NEWER = COMMANDS.some(({ name, missing }) => name === 'aws-cli (newer)' && missing === undefined)
const AWS = HAS_NEWER ? 'aws' : '/usr/bin/aws'
/** An index that stores an object in the fallback only. */
const IN_FALLBACK = 1
const IN_PRIMARY = 0

let chain: S3Site
let home: string

beforeAll(async () => {
  chain = await startS3Site({ fallback: true })
  home = await mkdtemp(join(tmpdir(), 's3-scenarios-'))
})

afterAll(async () => {
  await chain?.close()
  if (home) await rm(home, { recursive: true, force: true })
})

/** Runs a client, which is killed after a minute. */
async function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(command, args, {
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
    env: {
      ...process.env,
      HOME: home,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_DEFAULT_REGION: 'auto',
      ...env,
    },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

function aws(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { endpoint, caFile } = chain.entrances.tls
  return run(AWS, ['--endpoint-url', endpoint, 's3', ...args], {
    AWS_CA_BUNDLE: caFile,
    AWS_MAX_ATTEMPTS: '2',
    ...env,
  })
}

function rclone(...args: readonly string[]) {
  const { endpoint, caFile } = chain.entrances.tls
  return run('rclone', args, {
    // rclone cannot use it.
    AWS_CA_BUNDLE: undefined,
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CA_CERT: caFile,
    RCLONE_CONFIG_S3_TYPE: 's3',
    RCLONE_CONFIG_S3_PROVIDER: 'Other',
    RCLONE_CONFIG_S3_ENV_AUTH: 'true',
    RCLONE_CONFIG_S3_ENDPOINT: endpoint,
    RCLONE_CONFIG_S3_REGION: 'auto',
  })
}

async function succeed(result: Promise<{ code: number | null; output: string }>): Promise<void> {
  const { code, output } = await result
  expect(code, output).toBe(0)
}

const sorted = async (folder: string) => (await readdir(join(home, folder))).sort()

it('deletes no files in `aws s3 sync --delete` while a fallback fails', async () => {
  for (const index of [IN_PRIMARY, IN_FALLBACK]) {
    await chain.store(`sync/a${index}.txt`, 'a', index)
    await chain.store(`sync/b${index}.txt`, 'b', index)
  }
  const sync = () => aws(['sync', '--delete', `s3://${BUCKET}/sync/`, 'sync'])
  await succeed(sync())
  const all = ['a0.txt', 'a1.txt', 'b0.txt', 'b1.txt']
  expect(await sorted('sync')).toEqual(all)

  chain.failFallback(true)
  try {
    const { code, output } = await sync()
    expect(code, output).not.toBe(0)
    expect(output).toMatch(/ServiceUnavailable|SlowDown|InternalError|\(50\d\)/)
    expect(await sorted('sync')).toEqual(all)
  } finally {
    chain.failFallback(false)
  }

  // Without a failure, it does delete.
  await succeed(aws(['rm', `s3://${BUCKET}/sync/b1.txt`]))
  await eventually(
    () => 'a sync with all backends',
    async () => ((await sync()).code === 0 ? true : null),
    { patience: 60_000 },
  )
  expect(await sorted('sync')).toEqual(['a0.txt', 'a1.txt', 'b0.txt'])
}, 180_000)

it('keeps a deleted key deleted in all clients, the JSON API and a backfill', async () => {
  const { site } = chain
  for (const name of ['kept', 'deleted', 'copied'])
    await chain.store(`deletes/${name}.txt`, name, IN_FALLBACK)
  // Also one that the primary has a copy of.
  expect(await (await site.fetch('/deletes/copied.txt')).text()).toBe('copied')
  await site.stored('deletes/copied.txt')
  await succeed(aws(['rm', `s3://${BUCKET}/deletes/deleted.txt`]))
  await succeed(aws(['rm', `s3://${BUCKET}/deletes/copied.txt`]))

  const check = async (folder: string, names: readonly string[]): Promise<void> => {
    await succeed(rclone('sync', `s3:${BUCKET}/deletes`, folder))
    expect(await sorted(folder)).toEqual(names)
    const listed = await site.call('/-/api/list/deletes/')
    const { objects } = (await listed.json()) as { objects: { name: string }[] }
    expect(objects.map(({ name }) => name)).toEqual(names.map((name) => `deletes/${name}`))
    for (const name of ['deletes/deleted.txt', 'deletes/copied.txt']) {
      expect((await site.fetch(`/${name}`)).status).toBe(404)
      expect(await (await site.call(`/-/api/exists/${name}`)).json()).toEqual({ name, exists: false })
    }
  }
  await check('before', ['kept.txt'])

  // The check has read, and so copied, all others.
  await chain.store('deletes/new.txt', 'new', IN_FALLBACK)

  const started = await site.call('/-/api/backfills', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"prefix":"deletes/"}',
  })
  const { id } = (await started.json()) as { id: string }
  const finished = await eventually(
    () => `the end of backfill ${id}`,
    async () => {
      const job = (await (await site.call(`/-/api/backfills/${id}`)).json()) as Record<string, unknown>
      return job['finished'] ? job : null
    },
    { patience: 60_000 },
  )
  expect(finished).toMatchObject({ state: 'completed', listed: 4, copied: 1, failed: 0 })
  await check('after', ['kept.txt', 'new.txt'])
}, 180_000)

it('downloads the right bytes in ranges while the object is copied into the primary', async () => {
  const bytes = randomBytes(30 * 1024 * 1024)
  await chain.store('migrating.bin', bytes, IN_FALLBACK)
  // So slow that the copy ends first.
  const config = join(home, 'config')
  await writeFile(config, '[default]\ns3 =\n  max_bandwidth = 2MB/s\n')
  const { code, output } = await aws(['cp', '--quiet', `s3://${BUCKET}/migrating.bin`, 'migrating.bin'], {
    AWS_CONFIG_FILE: config,
  })
  const copies = chain.site.copies('migrating.bin')
  expect(code, output).toBe(0)
  expect((await readFile(join(home, 'migrating.bin'))).equals(bytes)).toBe(true)
  expect(copies).toEqual(['copied'])
}, 120_000)
