import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, expect, it } from 'vitest'
import type { Backfill, BackfillFailure, Verification } from '../../src/client/client.ts'
import { useDeployment } from './deployment.ts'
import { records, type Cli } from './run.ts'

const MANY = 40

const deployment = useDeployment({ fallbacks: [] })
const cli: Cli = (...args) => deployment.cli(...args)

beforeAll(() => addFiles('many'))

async function addFiles(folder: string): Promise<void> {
  const { media } = deployment
  await mkdir(media.file(folder))
  for (let index = 0; index < MANY; index += 1)
    await media.add(`${folder}/${index}.txt`, Buffer.from(`${index}`))
}

it('reports that there are no jobs yet, and that it is not safe to detach', async () => {
  expect(await cli(['backfill', 'status'])).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'no backfill has been started yet\n',
  })
  expect(await cli(['backfill', 'watch'])).toMatchObject({
    code: 3,
    stderr: 'error: no backfill has been started yet\n',
  })
  expect(await cli(['backfill', 'status', '0mwsw73lwypmaic'])).toMatchObject({ code: 3 })

  const { code, stdout } = await cli(['verify', '--differences', '100'])
  expect(code).toBe(3)
  expect(stdout).toContain('completed, not safe to detach\n  because ')
  expect(stdout).toMatch(/^ {2}next: Look at the differences\. A backfill copies what is missing;/m)
  expect(stdout).toMatch(/^missing {2}photos\/sun\.png {2}/m)
})

it('counts and estimates the cost with --dry-run, and copies nothing', async () => {
  const { code, stdout, stderr } = await cli([
    'backfill',
    'start',
    '--dry-run',
    '--prefix',
    'photos/',
    '--watch',
  ])
  expect(code).toBe(0)
  expect(stderr).toMatch(/^started \w{15}\n$/)
  expect(stdout).toContain('to copy: 4 objects, ')
  expect(stdout).toMatch(
    /cost beyond what your plan includes, at prices of \d{4}-\d\d-\d\d, without egress: \$0\.00/,
  )
  expect(stdout).toContain('egress is unknown for legacy and may cost more than everything else')
  expect((await cli(['explain', 'photos/sun.png'])).stdout).toContain('served by legacy')
})

it('waits for a dry run and prints the result', async () => {
  const { code, stdout, stderr } = await cli(['backfill', 'start', '--dry-run', '--prefix', 'photos/'])
  expect(stdout).toMatch(/^dry run \w{15}: completed, \d+ s\nprefix {4}photos\/\n/)
  expect(stdout).toContain('to copy: 4 objects, ')
  expect(stderr).toMatch(/^started \w{15}\n$/)
  expect(code).toBe(0)

  const ran = await cli(['backfill', 'start', '--dry-run', '--prefix', 'photos/', '--json'])
  expect(records(ran)).toMatchObject([{ state: 'completed', listed: 4, estimate: { objects: 4 } }])
})

it('says so if there are no failures', async () => {
  expect(await cli(['backfill', 'failures'])).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'no failures\n',
  })
})

it('copies everything below a prefix and prints the result', async () => {
  const { code, stdout, stderr } = await cli(['backfill', 'start', '--prefix', 'photos/', '--watch'])
  expect(code, stderr).toBe(0)
  expect(stdout).toMatch(/^backfill \w{15}: completed, \d+ s, [\d.]+ objects\/s\nprefix {4}photos\/\n/)
  expect(stdout).toMatch(/^all +4 +4 +0 +0 +0 +\d+ KiB$/m)
  expect((await cli(['explain', 'photos/photo (1).jpg'])).stdout).toContain('served by media')
})

it('prints every change as JSON while watching, the result last', async () => {
  const ran = await cli([
    'backfill',
    'start',
    '--backend',
    'legacy',
    '--max-concurrency',
    '2',
    '--watch',
    '--json',
  ])
  const seen = records<Backfill>(ran)
  const last = seen.at(-1)
  expect(last).toMatchObject({ state: 'completed', listed: MANY + 10, max_concurrency: 2 })
  expect((last?.copied ?? 0) + (last?.present ?? 0)).toBe(MANY + 10)
  expect(new Set(seen.map(({ id }) => id)).size).toBe(1)
})

it('writes the certificate once everything is copied', async () => {
  const report = join(deployment.folder, 'certificate.html')
  const ran = await cli(['verify', '--deep', '--report', report, '--json'])
  expect(ran).toMatchObject({ code: 0 })
  expect(records<Verification>(ran)).toMatchObject([
    {
      state: 'completed',
      deep: true,
      compared: MANY + 10,
      equal: MANY + 10,
      safe_to_detach: true,
      reasons: [],
      differences: [],
    },
  ])
  expect(await readFile(report, 'utf8')).toContain('Safe to detach')
})

it('starts a verification without waiting and shows it later', async () => {
  const [begun] = records<Verification>(await cli(['verify', '--no-wait', '--prefix', 'photos/', '--json']))
  expect(begun).toMatchObject({ prefix: 'photos/' })
  const { code, stdout } = await cli(['verify', begun?.id ?? ''])
  expect(code).toBe(3)
  expect(stdout).toContain('not safe to detach\n  because ')
  expect(stdout).toMatch(/^ {4}photos\/ {2}4 of 4 {2}100 %$/m)
})

it('accepts reasons that are given one by one', async () => {
  const accept = ['--accept', 'prefix', '--accept', 'equal_by_size']
  const ran = await cli(['verify', '--prefix', 'photos/', ...accept, '--json'])
  expect(records<Verification>(ran)).toMatchObject([
    { accepted: [{ reason: 'prefix' }, { reason: 'equal_by_size' }], reasons: [] },
  ])
})

it('reads names from standard input, and reports what failed and why', async () => {
  const manifest = 'photos/sun.png\nno such (1).jpg\n'
  const started = await cli(['backfill', 'start', '--manifest', '-', '--watch'], { stdin: manifest })
  expect(started.code).toBe(3)
  expect(started.stdout).toContain(': completed_with_failures')
  expect(started.stdout).toMatch(/^see what failed and why: fallback-storage backfill failures \w{15}$/m)

  expect((await cli(['backfill', 'failures'])).stdout).toMatch(
    /^no such \(1\)\.jpg {2}\w* +absent {2}1 attempt {2}.+\n$/,
  )
  expect((await cli(['backfill', 'failures', '--by', 'error'])).stdout).toMatch(
    /^error +backend +names +example\nabsent +\S+ +1 +no such \(1\)\.jpg\n$/,
  )
  expect((await cli(['backfill', 'failures', '--error', 'absent'])).stdout).toContain('no such (1).jpg')
  expect((await cli(['backfill', 'failures', '--error', 'timeout'])).stderr).toBe('no failures\n')
  expect((await cli(['backfill', 'failures', '--error', 'nothing'])).code).not.toBe(0)
  const failures = records<BackfillFailure>(await cli(['backfill', 'failures', '--json']))
  expect(failures).toMatchObject([{ name: 'no such (1).jpg', error: 'absent', attempts: 1 }])
})

it('reads names from an NDJSON file', async () => {
  const manifest = join(deployment.folder, 'names.ndjson')
  await writeFile(manifest, '{"name":"photos/sun.png"}\n"photos/harbour.jpg"\n')
  const ran = await cli(['backfill', 'start', '--manifest', manifest, '-w', '--json'])
  expect(records<Backfill>(ran).at(-1)).toMatchObject({ state: 'completed', listed: 2, present: 2 })
})

it('exports what failed as a file, and reads it as a manifest', async () => {
  const odd = 'none, "one".jpg'
  const first = await cli(['backfill', 'start', '--manifest', '-', '-w'], { stdin: `gone.jpg\n${odd}\n` })
  expect(first.code).toBe(3)
  for (const format of ['csv', 'ndjson']) {
    const { code, stdout } = await cli(['backfill', 'failures', '--format', format])
    expect(code).toBe(0)
    const manifest = join(deployment.folder, `failed.${format}.gz`)
    await writeFile(manifest, gzipSync(stdout))
    const again = await cli(['backfill', 'start', '--manifest', manifest, '-w', '--json'])
    expect(records<Backfill>(again).at(-1)).toMatchObject({ listed: 2, failed: 2 })
    const failures = records<BackfillFailure>(await cli(['backfill', 'failures', '--json']))
    expect(failures.map(({ name }) => name).toSorted()).toEqual(['gone.jpg', odd])
  }
})

it('reads names from an object of one backend', async () => {
  await deployment.media.add('names.csv', Buffer.from('Size,Key\r\n1,many/1.txt\r\n'))
  const object = ['--manifest-backend', 'legacy', '--manifest-object', 'names.csv']
  const ran = await cli(['backfill', 'start', '--dry-run', '--json', ...object])
  expect(records<Backfill>(ran).at(-1)).toMatchObject({
    listed: 1,
    manifest: 'legacy:names.csv',
    total: { bytes: 1 },
  })
})

it('exits with 3 when a finished job is paused', async () => {
  const [newest] = records<Backfill>(await cli(['backfill', 'status', '--json'])).filter(
    ({ state }) => state === 'completed',
  )
  const { code, stderr } = await cli(['backfill', 'pause', newest?.id ?? ''])
  expect({ code, stderr }).toEqual({ code: 3, stderr: 'error: Conflict: the job is completed\n' })
})

it('lists all jobs, newest first, one per line', async () => {
  const { stdout } = await cli(['backfill', 'status'])
  const [head, ...rows] = stdout.trimEnd().split('\n')
  expect(head).toMatch(/^job +started +state +listed +copied +present +skipped +failed +bytes$/)
  expect(rows.join('\n')).toContain('completed (dry run)')
  const started = rows.map((row) => row.slice(0, 15))
  expect(started).toEqual(started.toSorted().toReversed())
})

it.each([
  { args: ['backfill', 'start', '--backend', 'unknown'], code: 2, says: '"unknown" is not a fallback' },
  {
    args: ['backfill', 'start', '--manifest', 'a', '--manifest-object', 'b'],
    code: 2,
    says: 'exclude each other',
  },
  { args: ['backfill', 'start', '--manifest-backend', 'legacy'], code: 2, says: 'needs --manifest-object' },
  {
    args: ['backfill', 'failures', '--format', 'csv', '--by', 'error'],
    code: 2,
    says: 'cannot be used with',
  },
  { args: ['backfill', 'start', '--manifest', '/no/such/file'], code: 2, says: 'no such file' },
  { args: ['backfill', 'start', '--manifest-object', 'no-such-object'], code: 2, says: 'there is no object' },
])('refuses $args', async ({ args, code, says }) => {
  const ran = await cli(args)
  expect(ran.stderr).toContain(says)
  expect(ran.code).toBe(code)
})

// Last, because the queue still works on the page of a cancelled job for some seconds.
it('pauses, resumes and cancels', async () => {
  await addFiles('paced')
  const [job] = records<Backfill>(
    await cli(['backfill', 'start', '--prefix', 'paced/', '--max-per-second', '1', '--json']),
  )
  const id = job?.id ?? ''
  expect(records(await cli(['backfill', 'pause', '--json']))).toMatchObject([{ id, state: 'paused' }])
  expect((await cli(['backfill', 'status', id])).stdout).toContain(': paused, ')
  const [resumed] = records<Backfill>(await cli(['backfill', 'resume', id, '--json']))
  expect(['listing', 'running']).toContain(resumed?.state)

  const watched = cli(['backfill', 'watch', id])
  expect(records(await cli(['backfill', 'cancel', id, '--json']))).toMatchObject([{ id, state: 'cancelled' }])
  expect(await watched).toMatchObject({ code: 3, stdout: expect.stringContaining(': cancelled, ') })
})
